// Whether a value may be the one that the recorder saw.
#pragma once

#include <string>

#include "export/request.h"
#include "export/tape/fingerprint.h"

namespace torch2nnef {

// "" when the two may be of the same value: every sample within the bound of compare_tensors(), the largest magnitude
// as well, and the sum within as many bounds as there are items. Else what differs, a sentence.
std::string difference(const Fingerprint& expected, const Fingerprint& actual, Tolerance tolerance);

}  // namespace torch2nnef
