// export_a_model MODEL.pt OUT: what the README shows of the library.
#include <export/export.h>
#include <export/report/text_report.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  torch2nnef::ExportOptions options;
  options.check = torch2nnef::Check::kNone;
  try {
    const torch2nnef::ExportReport report = torch2nnef::export_model_to_nnef(argv[1], argv[2], options);
    std::cout << torch2nnef::version_info().torch2nnef << "\n" << torch2nnef::text_report(report);
    return 0;
  } catch (const torch2nnef::ExportError& error) {  // thrown in the library, caught here by its type
    std::cout << error.diagnostics().at(0).code << "\n";
    return static_cast<int>(error.kind());
  }
}
