// Operators that archives use and the linked libtorch may lack.
#pragma once

namespace torch2nnef {

// Registers, once and only where the schema is absent: torchvision's operators (schemas alone, so that such archives
// load), and with kernels scaled_dot_product_attention, rms_norm, _grouped_mm and nonzero_static of newer releases,
// and _scaled_dot_product_attention, cholesky, qr and symeig of 1.x.
void register_missing_operators();

}  // namespace torch2nnef
