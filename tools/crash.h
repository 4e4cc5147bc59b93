// What becomes of a crash: of libtorch on a hostile model, or of this program.
#pragma once

namespace torch2nnef::cli {

// From now on a fault (memory, arithmetic, abort) ends the program with a message and an exit status: 1 in a step in
// which libtorch works on the model, and 70 in any other. What is unfinished is left to the janitor.
void report_crashes();
// The step that begins: its name lives as long as the program. `is_of_model` says whether libtorch works on the model.
void enter_step(const char* name, bool is_of_model);

}  // namespace torch2nnef::cli
