// What a program that calls the library gets, where the command line would answer first.
#include <gtest/gtest.h>

#include "export/export.h"
#include "export/verify/private_folder.h"

namespace torch2nnef {
namespace {

std::string code_of(const std::filesystem::path& model) {
  const PrivateFolder folder;
  try {
    export_model_to_nnef(model, folder.path() / "out.nnef.tgz", {});
  } catch (const ExportError& error) {
    return error.diagnostics().at(0).code;
  }
  return "";
}

TEST(Library, AMissingModelAndAFolderAreRefused) {
  const PrivateFolder folder;
  EXPECT_EQ(code_of(folder.path() / "nothing.pt"), "T2N-M001");
  EXPECT_EQ(code_of(folder.path()), "T2N-M001");
}

}  // namespace
}  // namespace torch2nnef
