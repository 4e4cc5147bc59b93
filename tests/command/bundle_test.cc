// The debug bundle that the command leaves: made in one folder it shows the failure in another, to somebody who has
// nothing but tract, and it says nothing about where it was made.
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"
#include "nnef/io.h"

namespace {

namespace fs = std::filesystem;
using torch2nnef::ProcessResult;

constexpr double kTimeoutSeconds = 120;

// An engine whose results are all off by one: tract-run's, with another input.
void write_wrong_engine(const fs::path& program, const fs::path& wrong_inputs) {
  std::ofstream(program) << "#!/bin/sh\n"
                         << "[ \"$1\" = --version ] && exec '" << TRACT_RUN << "' --version\n"
                         << "echo \"working in $PWD as $0\" >&2\n"
                         << "for word; do shift; [ \"$before\" = --input-from-npz ] && word='" << wrong_inputs.string()
                         << "'; before=\"$word\"; set -- \"$@\" \"$word\"; done\n"
                         << "exec '" << TRACT_RUN << "' \"$@\"\n";
  fs::permissions(program, fs::perms::owner_all);
}

// An engine that lacks an operator, wherever it stands in an archive.
void write_lacking_engine(const fs::path& program, const std::string& operation) {
  std::ofstream(program) << "#!/bin/sh\n"
                         << "[ -e \"$1\" ] && { cat \"$1\"; zcat \"$1\" 2>/dev/null; } | grep -qa ' " << operation
                         << "(' && { echo 'Error: no such operator' >&2; exit 1; }\n"
                         << "exec '" << TRACT_RUN << "' \"$@\"\n";
  fs::permissions(program, fs::perms::owner_all);
}

class Bundle : public testing::Test {
 protected:
  // A model, its inputs and an engine in a folder of a telling name; the failed export's bundle.
  Bundle() : home_(folder_.path() / "home of janedoe"), elsewhere_(folder_.path() / "elsewhere") {
    fs::create_directories(home_ / "work");
    fs::create_directories(elsewhere_);
    fs::copy_file(fs::path(MODELS) / "digits.pt", home_ / "work/digits.pt");
    fs::copy_file(fs::path(MODELS) / "digits.inputs.npz", home_ / "work/digits.inputs.npz");
    std::vector<nnef::NamedTensor> inputs = nnef::read_npz(home_ / "work/digits.inputs.npz");
    std::vector<std::byte> zeros(inputs.at(0).data->byte_size());
    inputs[0].data = std::make_shared<nnef::OwnedTensor>(inputs[0].data->dtype(), inputs[0].data->shape(), zeros);
    nnef::write_npz(home_ / "wrong.npz", inputs);
    write_wrong_engine(home_ / "engine", home_ / "wrong.npz");
  }

  // Where the real engine's library lies.
  static std::string cache() {
    const char* variable = getenv("XDG_CACHE_HOME");
    return variable ? variable : std::string(getenv("HOME")) + "/.cache";
  }

  ProcessResult fail(const std::string& bundle) {
    return torch2nnef::run_process(
        {"env", "-C", home_.string(), TORCH2NNEF, (home_ / "work/digits.pt").string(), "-o",
         (home_ / "work/out.nnef.tgz").string(), "--comments", "--tract", (home_ / "engine").string(), "--debug-bundle",
         (elsewhere_ / bundle).string()},
        kTimeoutSeconds, {"HOME=" + home_.string(), "XDG_CACHE_HOME=" + cache(), "USER=janedoe", "LOGNAME=janedoe"});
  }

  torch2nnef::PrivateFolder folder_;
  fs::path home_, elsewhere_;
};

bool has_word(std::string_view text, std::string_view word) {
  const auto is_letter = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_');
  };
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (!(at > 0 && is_letter(at - 1)) && !is_letter(at + word.size())) return true;
  }
  return false;
}

// Every file of a bundle, those inside its archive too.
std::map<std::string, std::string> all_files(const fs::path& bundle, const fs::path& scratch) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, bytes] : nnef::read_files(bundle)) {
    texts[name] = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!name.ends_with(".tgz")) continue;
    std::ofstream(scratch / "inner.nnef.tgz", std::ios::binary) << texts[name];
    for (const auto& [inner, inner_bytes] : nnef::read_files(scratch / "inner.nnef.tgz")) {
      texts[name + "/" + inner] = std::string(reinterpret_cast<const char*>(inner_bytes.data()), inner_bytes.size());
    }
  }
  return texts;
}

TEST_F(Bundle, ShowsTheFailureElsewhereWithNothingButTract) {
  const ProcessResult exported = fail("bug.tgz");
  ASSERT_EQ(exported.exit_status, 3) << exported.errors;
  fs::remove_all(home_);  // nothing of it is needed
  ASSERT_EQ(torch2nnef::run_process({"tar", "xzf", (elsewhere_ / "bug.tgz").string(), "-C", elsewhere_.string()}, 60)
                .exit_status,
            0);
  const std::string script = (elsewhere_ / "bundle/run.sh").string();
  // The real engine does what PyTorch did; one that still errs is found out by the same script.
  const ProcessResult right =
      torch2nnef::run_process({"env", "-i", std::string("TRACT=") + TRACT_RUN, "PATH=/usr/bin:/bin",
                               std::string("HOME=") + getenv("HOME"), "sh", script},
                              60);
  EXPECT_EQ(right.exit_status, 0) << right.errors;
  const ProcessResult rerun = torch2nnef::run_process(
      {TORCH2NNEF, "--rerun-bundle", (elsewhere_ / "bundle").string(), "--tract", TRACT_RUN}, kTimeoutSeconds);
  EXPECT_EQ(rerun.exit_status, 0) << rerun.output;
  EXPECT_NE(rerun.output.find("does not fail any more"), std::string::npos) << rerun.output;
}

TEST_F(Bundle, StillFailsWhileTheEngineIsWrong) {
  ASSERT_EQ(fail("bug.tgz").exit_status, 3);
  const ProcessResult rerun = torch2nnef::run_process(
      {TORCH2NNEF, "--rerun-bundle", (elsewhere_ / "bug.tgz").string(), "--tract", (home_ / "engine").string()},
      kTimeoutSeconds);
  EXPECT_EQ(rerun.exit_status, 3);
  EXPECT_NE(rerun.output.find("output: DIFFERS"), std::string::npos) << rerun.output;
}

TEST_F(Bundle, HoldsTheSmallestPartThatFails) {
  write_lacking_engine(home_ / "engine", "linear");
  const ProcessResult exported = fail("bug.tgz");
  ASSERT_EQ(exported.exit_status, 3) << exported.errors;
  // The operation is named, the call that it was made for, and its place in the model.
  EXPECT_NE(exported.errors.find("aten::linear: tract does not run the archive: Error: no such operator; the operation "
                                 "at which tract fails is output = linear("),
            std::string::npos)
      << exported.errors;
  EXPECT_NE(exported.errors.find("(in classifier.2)"), std::string::npos) << exported.errors;
  const auto texts = all_files(elsewhere_ / "bug.tgz", folder_.path());
  ASSERT_TRUE(texts.count("bundle/smallest/model.nnef.tgz/graph.nnef"));
  const std::string& graph = texts.at("bundle/smallest/model.nnef.tgz/graph.nnef");
  EXPECT_NE(graph.find(" linear("), std::string::npos) << graph;
  EXPECT_EQ(graph.find(" conv("), std::string::npos) << graph;
  const std::string& report = texts.at("bundle/report.json");
  for (const char* part : {"\"divergence\"", "\"operation\": \"linear\"", "\"was not computed\""}) {
    EXPECT_NE(report.find(part), std::string::npos) << part << " in " << report;
  }
  // It fails by itself, and does what PyTorch did in an engine that has the operator.
  ASSERT_EQ(torch2nnef::run_process({"tar", "xzf", (elsewhere_ / "bug.tgz").string(), "-C", elsewhere_.string()}, 60)
                .exit_status,
            0);
  const auto run_in = [&](const std::string& engine) {
    return torch2nnef::run_process({"env", "TRACT=" + engine, "sh", (elsewhere_ / "bundle/smallest/run.sh").string()},
                                   60)
        .exit_status;
  };
  EXPECT_NE(run_in((home_ / "engine").string()), 0);
  EXPECT_EQ(run_in(TRACT_RUN), 0);
}

TEST_F(Bundle, SaysNothingOfWhereItWasMade) {
  ASSERT_EQ(fail("bug.tgz").exit_status, 3);
  std::array<char, 256> host{};
  ASSERT_EQ(gethostname(host.data(), host.size() - 1), 0);
  std::vector<std::string> secrets = {"janedoe", folder_.path().filename().string(), host.data()};
  // A user of a common name ("root") occurs in texts that do not speak of the user.
  if (const passwd* user = getpwuid(getuid()); user && std::string_view(user->pw_name) != "root") {
    secrets.emplace_back(user->pw_name);
  }
  const auto texts = all_files(elsewhere_ / "bug.tgz", folder_.path());
  EXPECT_GE(texts.size(), 8u);
  EXPECT_NE(texts.at("bundle/log.txt").find("working in"), std::string::npos) << "the engine's words are there";
  EXPECT_NE(texts.at("bundle/model.nnef.tgz/graph.nnef").find("# "), std::string::npos) << "there are comments";
  for (const auto& [name, text] : texts) {
    for (const std::string& secret : secrets) EXPECT_FALSE(has_word(text, secret)) << name << " has " << secret;
    for (const char* root : {"/home/", "/root/", "/usr/", "/tmp/", "/work/", "/opt/", "/Users/"}) {
      EXPECT_EQ(text.find(root), std::string::npos) << name << " has a path below " << root;
    }
  }
  // Nor do the containers: no names of users, times of zero.
  const ProcessResult listing =
      torch2nnef::run_process({"tar", "tvzf", (elsewhere_ / "bug.tgz").string(), "--utc"}, 60);
  EXPECT_EQ(listing.output.find("janedoe"), std::string::npos);
  EXPECT_NE(listing.output.find("0/0"), std::string::npos) << listing.output;
  EXPECT_NE(listing.output.find("1970-01-01"), std::string::npos) << listing.output;
}

}  // namespace
