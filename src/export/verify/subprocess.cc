#include "export/verify/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

extern char** environ;

namespace torch2nnef {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = std::size_t{1} << 20;
constexpr int kNotStarted = 127;

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

// Programs that run, by the numbers of their process groups. Never destroyed: a thread may come here while the process
// exits.
struct Running {
  std::mutex mutex;
  std::set<pid_t> groups;
  bool is_ended = false;
};
Running& running() {
  static Running* const all = new Running;
  return *all;
}

// The program is being ended by another thread.
void stop_if_ended() {
  {
    const std::lock_guard lock(running().mutex);
    if (!running().is_ended) return;
  }
  for (;;) pause();
}

// Between vfork() and exec: the memory is the parent's, so that only the system is called here.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* variables, int out, int err,
                         pid_t parent, volatile int* error) {
  const auto fails = [error] {
    *error = errno != 0 ? errno : ECANCELED;
    _exit(kNotStarted);
  };
  // A group is killed as a whole, and with whoever started it.
  if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) fails();
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) fails();
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(program, arguments, variables);
  fails();
  _exit(kNotStarted);
}

// Starts the program with nothing on stdin; 0 or an error number. What exec says is known before vfork() returns: its
// memory is shared, and the child ends there.
int spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment, int out, int err,
          pid_t& child) {
  const std::string program = find_program(command[0]).string();
  if (program.empty()) return ENOENT;
  std::vector<std::string> arguments = command, variables = merged_environment(environment);
  const std::vector<char*> argument_list = pointers(arguments), variable_list = pointers(variables);
  const pid_t parent = getpid();
  const std::lock_guard lock(running().mutex);
  if (running().is_ended) return ECANCELED;
  volatile int error = 0;
  sigset_t all, before;  // no handler may run in the child: it would run in our memory
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  child = vfork();
  if (child == 0) {
    errno = 0;
    become(program.c_str(), argument_list.data(), variable_list.data(), out, err, parent, &error);
  }
  const int fork_error = child < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (fork_error != 0) return fork_error;
  if (error != 0) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error;
  }
  running().groups.insert(child);
  return 0;
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

// The status of the child; it is killed when it still runs at the deadline. What it has started and left ends with it.
int reap(pid_t child, Clock::time_point deadline, bool& timed_out) {
  siginfo_t info{};
  for (;;) {  // it keeps its number until its group is gone
    const int done = waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
    if ((done == 0 && info.si_pid == child) || (done < 0 && errno != EINTR)) break;
    if (Clock::now() >= deadline) {
      timed_out = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // its streams have ended: it is about to exit
  }
  const std::lock_guard lock(running().mutex);
  kill(-child, SIGKILL);
  running().groups.erase(child);
  int status = 0;
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
  stop_if_ended();
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
  stop_if_ended();
  result.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable ? variable : "/usr/local/bin:/bin:/usr/bin";
  while (!name.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    const std::filesystem::path program = std::filesystem::path(end == 0 ? "." : path.substr(0, end)) / name;
    std::error_code error;
    if (access(program.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(program, error)) return program;
    if (end == path.size()) break;
    path.remove_prefix(end + 1);
  }
  return {};
}

void end_processes() {
  const std::lock_guard lock(running().mutex);
  running().is_ended = true;
  for (const pid_t group : running().groups) kill(-group, SIGKILL);
}

}  // namespace torch2nnef
