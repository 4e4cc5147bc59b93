// Programs side by side: what each takes in wall time, processor time and memory.
#pragma once

#include <string>
#include <vector>

namespace bench {

using Command = std::vector<std::string>;

struct Cost {
  double seconds = 0;
  double processor_seconds = 0;  // of all threads, in the kernel too
  double megabytes = 0;          // largest resident set
};

// Runs the commands in turn, once for the caches and then `rounds` times. Medians, each figure by itself, one Cost a
// command. What they print on stdout goes nowhere. Throws std::runtime_error when one fails.
std::vector<Cost> measure(const std::vector<Command>& commands, int rounds);

// Where `measure` was called and how busy it is there: "2 cores, load 0.31".
std::string machine();

// Takes "--rounds N" out of the arguments.
int take_rounds(std::vector<std::string>& arguments, int otherwise);

// In units of 10^6 bytes.
double megabytes_of(const std::string& file);

}  // namespace bench
