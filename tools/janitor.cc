#include "janitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "export/verify/private_folder.h"

namespace torch2nnef::cli {
namespace {

constexpr int kDescriptor = 3;  // of the pipe, in the janitor

// The announcements until there is nobody who could write one.
std::set<std::string> folders_left() {
  std::set<std::string> left;
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t got = read(kDescriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return left;
    text.append(piece.data(), static_cast<std::size_t>(got));
    for (std::size_t end = text.find('\0'); end != std::string::npos; end = text.find('\0')) {
      const std::string folder = text.substr(1, end - 1);
      text[0] == '+' ? static_cast<void>(left.insert(folder)) : static_cast<void>(left.erase(folder));
      text.erase(0, end + 1);
    }
  }
}

// Nothing is shared with the one that is watched: not its terminal, its signals or its files.
[[noreturn]] void watch(int pipe) {
  setsid();
  if (chdir("/") != 0) _exit(1);
  for (int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) signal(number, SIG_IGN);
  if (dup2(pipe, kDescriptor) < 0) _exit(1);
  for (int descriptor : {0, 1, 2}) close(descriptor);
  syscall(SYS_close_range, kDescriptor + 1, ~0u, 0);
  std::error_code ignored;
  for (const std::string& folder : folders_left()) std::filesystem::remove_all(folder, ignored);
  _exit(0);
}

}  // namespace

void start_janitor() {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    watch(ends[0]);
  }
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    return;
  }
  announce_unfinished_folders(ends[1]);
}

}  // namespace torch2nnef::cli
