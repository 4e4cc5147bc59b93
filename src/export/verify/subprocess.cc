#include "export/verify/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

extern char** environ;

namespace torch2nnef {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = std::size_t{1} << 20;

// Both ends of a pipe, closed at the end of the scope; neither is inherited unless it is duplicated.
struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() { good = pipe2(ends.data(), O_CLOEXEC) == 0; }
  ~Pipe() { close_end(0), close_end(1); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
  bool good = false;
};

std::vector<std::string> merged_environment(const std::vector<std::string>& additions) {
  std::vector<std::string> merged = additions;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view ours(*entry);
    const std::string_view name = ours.substr(0, ours.find('=') + 1);
    const bool replaced = std::any_of(additions.begin(), additions.end(),
                                      [&](const std::string& addition) { return addition.starts_with(name); });
    if (!replaced) merged.emplace_back(ours);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Starts the program with nothing on stdin; 0 or an error number.
int spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment, int out, int err,
          pid_t& child) {
  std::vector<std::string> arguments = command, variables = merged_environment(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  const int error = posix_spawnp(&child, arguments[0].c_str(), &actions, nullptr, pointers(arguments).data(),
                                 pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads what is there; false at the end of the stream.
bool drain(int from, std::string& into) {
  std::array<char, 65536> piece;
  const ssize_t count = read(from, piece.data(), piece.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  if (into.size() < kMostOutput) into.append(piece.data(), static_cast<std::size_t>(count));
  return count > 0;
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1000));
}

// Collects both streams until they end or the time is over.
void collect(Pipe& out, Pipe& err, Clock::time_point deadline, ProcessResult& result) {
  std::array<pollfd, 2> streams{pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
  std::array<std::string*, 2> texts{&result.output, &result.errors};
  while ((streams[0].fd >= 0 || streams[1].fd >= 0) && Clock::now() < deadline) {
    if (poll(streams.data(), streams.size(), milliseconds_until(deadline)) <= 0) continue;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].fd >= 0 && streams[i].revents && !drain(streams[i].fd, *texts[i])) streams[i].fd = -1;
    }
  }
}

// The status of the child; it is killed when it still runs at the deadline.
int reap(pid_t child, Clock::time_point deadline, bool& timed_out) {
  int status = 0;
  for (;;) {
    const pid_t done = waitpid(child, &status, WNOHANG);
    if (done == child || (done < 0 && errno != EINTR)) return status;
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // its streams have ended: it is about to exit
  }
  timed_out = true;
  kill(child, SIGKILL);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& command, double timeout_seconds,
                          const std::vector<std::string>& environment) {
  ProcessResult result;
  Pipe out, err;
  if (!out.good || !err.good) {
    result.why_not = std::string("no pipe can be made: ") + std::strerror(errno);
    return result;
  }
  pid_t child = 0;
  if (const int error = spawn(command, environment, out.ends[1], err.ends[1], child)) {
    result.why_not = std::strerror(error);
    return result;
  }
  result.started = true;
  out.close_end(1);
  err.close_end(1);
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_seconds));
  collect(out, err, deadline, result);
  const int status = reap(child, deadline, result.timed_out);
  result.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace torch2nnef
