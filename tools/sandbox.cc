#include "sandbox.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <system_error>

namespace torch2nnef::cli {
namespace {

namespace fs = std::filesystem;

// --- landlock: files. The numbers are the kernel's; its header may be older than the kernel that runs.

constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr std::uint32_t kAskVersion = 1;
constexpr int kPathBeneath = 1;
constexpr std::uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kRemoveDir = 1 << 4, kRemoveFile = 1 << 5,
                        kMakeChar = 1 << 6, kMakeDir = 1 << 7, kMakeReg = 1 << 8, kMakeSock = 1 << 9,
                        kMakeFifo = 1 << 10, kMakeBlock = 1 << 11, kMakeSym = 1 << 12, kRefer = 1 << 13,
                        kTruncate = 1 << 14;
constexpr std::uint64_t kTcp = 3;     // binding and connecting
constexpr std::uint64_t kScopes = 3;  // abstract sockets of others, and signals to others

struct Ruleset {
  std::uint64_t files = 0, network = 0, scopes = 0;
};
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed = 0;
  std::int32_t parent = -1;
};

class Landlock {
 public:
  explicit Landlock(long version) {
    Ruleset rules;
    rules.files = kExecute | kWriteFile | kRemoveDir | kRemoveFile | kMakeChar | kMakeDir | kMakeReg | kMakeSock |
                  kMakeFifo | kMakeBlock | kMakeSym | kRefer;
    if (version >= 3) rules.files |= kTruncate;
    if (version >= 4) rules.network = kTcp;
    if (version >= 6) rules.scopes = kScopes;
    handled_ = rules.files;
    const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    descriptor_ = static_cast<int>(syscall(kCreateRuleset, &rules, size, 0));
  }
  ~Landlock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Landlock(const Landlock&) = delete;
  Landlock& operator=(const Landlock&) = delete;

  bool is_made() const { return descriptor_ >= 0; }
  void allow(const fs::path& path, std::uint64_t what) {
    PathRule rule;
    rule.allowed = what & handled_;
    rule.parent = open(path.c_str(), O_PATH | O_CLOEXEC);
    if (rule.parent < 0) return;  // what is not there needs no permission
    syscall(kAddRule, descriptor_, kPathBeneath, &rule, 0);
    close(rule.parent);
  }
  bool enter() { return syscall(kRestrictSelf, descriptor_, 0) == 0; }

 private:
  int descriptor_ = -1;
  std::uint64_t handled_ = 0;
};

void allow_writing(Landlock& landlock, const fs::path& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return;
  const std::uint64_t file = kWriteFile | kTruncate;
  const std::uint64_t folder = kRemoveDir | kRemoveFile | kMakeDir | kMakeReg | kRefer;
  landlock.allow(path, S_ISDIR(facts.st_mode) ? file | folder : file);
}

// The loader that the kernel starts for a program; empty for one that needs none.
fs::path loader_of(const std::string& bytes) {
  Elf64_Ehdr header{};
  if (bytes.size() < sizeof header) return {};
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    const std::uint64_t at = header.e_phoff + i * sizeof part;
    if (at > bytes.size() || bytes.size() - at < sizeof part) break;
    std::memcpy(&part, bytes.data() + at, sizeof part);
    if (part.p_type != PT_INTERP || part.p_offset >= bytes.size()) continue;
    return std::string(bytes.c_str() + part.p_offset);
  }
  return {};
}

// A script starts whatever it likes; false for one.
bool allow_starting(Landlock& landlock, const fs::path& program) {
  constexpr std::size_t kBeginning = 1 << 16;
  std::string bytes(kBeginning, '\0');
  std::ifstream file(program, std::ios::binary);
  file.read(bytes.data(), kBeginning);
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (!bytes.starts_with("\x7f"
                         "ELF")) {
    landlock.allow("/", kExecute);
    return false;
  }
  landlock.allow(program, kExecute);
  if (const fs::path loader = loader_of(bytes); !loader.empty()) landlock.allow(loader, kExecute);
  return true;
}

std::string restrict_files(const SandboxRules& rules) {
  const long version = syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  if (version < 2) return "";  // the first one cannot rename from folder to folder
  Landlock landlock(version);
  if (!landlock.is_made()) return "";
  std::vector<std::string> places;
  for (const fs::path& path : rules.writable) {
    allow_writing(landlock, path);
    std::error_code error;
    if (fs::is_directory(path, error)) places.push_back("'" + path.string() + "'");
  }
  bool only_engine = true;
  for (const fs::path& program : rules.programs) only_engine = allow_starting(landlock, program) && only_engine;
  if (!landlock.enter()) return "";
  return fmt::format(
      "files are written below {} only, {} (landlock {})", fmt::join(places, " and "),
      only_engine ? "no program but the engine is started" : "programs are started, since the engine is a script",
      version);
}

// --- seccomp: calls of the system

constexpr std::array kDenied = {
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_perf_event_open,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_fchown,
    SYS_fchownat,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_pidfd_getfd,
};

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

sock_filter statement(std::uint16_t code, std::uint32_t value) { return BPF_STMT(code, value); }
sock_filter jump(std::uint16_t code, std::uint32_t value, std::size_t if_so, std::size_t if_not) {
  return BPF_JUMP(code, value, static_cast<std::uint8_t>(if_so), static_cast<std::uint8_t>(if_not));
}

// Other architectures' numbers (and x32's, from 2^30 on) mean other calls.
std::vector<sock_filter> filter() {
  std::vector<sock_filter> program = {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      jump(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, kDenied.size() + 3),
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      jump(BPF_JMP | BPF_JGE | BPF_K, 1u << 30, kDenied.size() + 1, 0),
  };
  for (std::size_t i = 0; i < kDenied.size(); ++i) {
    program.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(kDenied[i]), kDenied.size() - i, 0));
  }
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  return program;
}

std::string restrict_calls() {
  if (kArchitecture == 0) return "";
  std::vector<sock_filter> program = filter();
  sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
  const bool entered = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &code) == 0;
  return entered ? "no sockets are opened (seccomp)" : "";
}

}  // namespace

std::string enter_sandbox(const SandboxRules& rules) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "sandbox: none, the kernel does not allow it";
  std::vector<std::string> parts = {restrict_files(rules), restrict_calls()};
  if (parts[0].empty()) parts[0] = "files and programs are not restricted: the kernel has no landlock";
  if (parts[1].empty()) parts[1] = "sockets are not restricted: the kernel has no seccomp";
  return fmt::format("sandbox: {}", fmt::join(parts, "; "));
}

}  // namespace torch2nnef::cli
