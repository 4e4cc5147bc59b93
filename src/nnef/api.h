// What the shared libraries export. Everything is compiled with hidden visibility; the namespace of a public header
// carries this macro, and so what the header declares is visible:
//
//   namespace nnef TORCH2NNEF_API {
#pragma once

#define TORCH2NNEF_API __attribute__((visibility("default")))
