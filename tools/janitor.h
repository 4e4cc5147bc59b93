// A small process that removes what this one leaves when it is killed.
#pragma once

namespace torch2nnef::cli {

// Starts it. It waits for the end of this process, whatever that is, and removes the unfinished folders that are left
// then. Without it, which is a matter of processes and descriptors at hand, they stay where they are after SIGKILL.
void start_janitor();

}  // namespace torch2nnef::cli
