// The values of torch2nnef's flags, from text. Each function throws UsageError with the value and what is accepted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "export/export.h"

namespace torch2nnef::cli {

InputSpec input_spec(std::string_view text);                   // NAME:DTYPE:DIMS[=FILL]
DynamicAxis dynamic_axis(std::string_view text);               // NAME:AXIS=EXPR
StreamSpec stream_spec(std::string_view text);                 // NAME or NAME=PULSE
Symbol symbol_bounds(std::string_view text);                   // NAME=MIN..MAX, either side may be missing
std::vector<std::string> tensor_names(std::string_view text);  // A,B: identifiers of NNEF, distinct
std::int64_t integer_in(std::string_view text, std::int64_t low, std::int64_t high);
Check check_level(std::string_view text);
bool state_handling(std::string_view text);  // io is true
BatchForm batch_form(std::string_view text);
bool complex_outputs(std::string_view text);  // pairs is true
Tolerance tolerance_level(std::string_view text);
WeightRule weight_rule(std::string_view text);  // FORM[:REGEX]
bool arithmetic(std::string_view text);         // integer, float
bool cast_type(std::string_view text);          // f16
std::string path_pattern(std::string_view text);
nnef::Target target_name(std::string_view text);
nnef::Naming naming_scheme(std::string_view text);
std::string step_name(std::string_view text);  // of --dump-after
// "'NAME' does not exist", or why it cannot be looked at.
std::string missing(std::string_view name, const std::filesystem::file_status& status, const std::error_code& error);
std::filesystem::path existing(std::string_view text);  // a file or a folder
std::filesystem::path file_to_read(std::string_view text, const std::vector<std::string_view>& endings);
std::filesystem::path file_to_write(std::string_view text, const std::vector<std::string_view>& endings);

// The candidate nearest to `text` by edit distance, "" when none is near enough to be what was meant.
std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace torch2nnef::cli
