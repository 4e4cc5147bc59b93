#include "crash.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace torch2nnef::cli {
namespace {

constexpr int kOfModel = 1, kOfProgram = 70;

const char* volatile current_step = "start";
volatile bool current_is_of_model = false;
std::atomic_flag is_reported;
alignas(16) std::array<char, 1 << 16> other_stack;  // the usual one may be what is used up

void say(const char* text) { static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text))); }

const char* name_of(int number) {
  switch (number) {
    case SIGFPE:
      return "an integer division by zero";
    case SIGABRT:
      return "an assertion";
    case SIGILL:
      return "an illegal instruction";
    default:
      return "an access to memory that is not its own, or recursion without end";
  }
}

// Only calls that may be made in a handler. Of threads that fail together the first one reports.
void report(int number) {
  if (is_reported.test_and_set()) {
    for (;;) pause();
  }
  say("\ntorch2nnef: ");
  say(current_is_of_model ? "libtorch was ended in the step '" : "a bug in this program: it was ended in the step '");
  say(current_step);
  say("' by ");
  say(name_of(number));
  say(current_is_of_model ? "\nThe model is damaged, made to do harm, or a case that libtorch does not check.\n"
                          : "\nPlease report it with the command line.\n");
  _exit(current_is_of_model ? kOfModel : kOfProgram);
}

}  // namespace

void report_crashes() {
  stack_t stack{};
  stack.ss_sp = other_stack.data();
  stack.ss_size = other_stack.size();
  if (sigaltstack(&stack, nullptr) != 0) return;
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction action {};
    action.sa_handler = report;
    action.sa_flags = SA_ONSTACK;
    sigaction(number, &action, nullptr);
  }
}

void enter_step(const char* name, bool is_of_model) {
  current_step = name;
  current_is_of_model = is_of_model;
}

}  // namespace torch2nnef::cli
