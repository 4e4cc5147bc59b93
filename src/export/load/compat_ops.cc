#include "export/load/compat_ops.h"

#include <cmath>
#include <limits>

#include "export/record/tape_writer.h"

namespace torch2nnef {
namespace {

// Rows of `mask` in which nothing may be attended to give 0, as newer releases define it.
at::Tensor scaled_dot_product_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                        const c10::optional<at::Tensor>& attn_mask, double dropout_p, bool is_causal,
                                        c10::optional<double> scale, bool enable_gqa) {
  (void)dropout_p;  // refused by the recorder when it is not 0
  at::Tensor keys = key, values = value;
  if (enable_gqa) {
    keys = keys.repeat_interleave(query.size(-3) / key.size(-3), -3);
    values = values.repeat_interleave(query.size(-3) / value.size(-3), -3);
  }
  double factor = scale ? *scale : 1.0 / std::sqrt(static_cast<double>(query.size(-1)));
  at::ScalarType type = query.scalar_type();
  bool narrow = type == at::kHalf || type == at::kBFloat16;
  auto widen = [&](const at::Tensor& tensor) { return narrow ? tensor.to(at::kFloat) : tensor; };
  at::Tensor scores = at::matmul(widen(query) * factor, widen(keys).transpose(-2, -1));
  at::Tensor allowed;
  if (is_causal) allowed = at::ones({query.size(-2), keys.size(-2)}, at::kBool).tril();
  if (attn_mask && attn_mask->defined()) {
    if (attn_mask->scalar_type() == at::kBool) {
      allowed = *attn_mask;
    } else {
      scores = scores + attn_mask->to(scores.scalar_type());
    }
  }
  double lowest = -std::numeric_limits<double>::infinity();
  if (allowed.defined()) scores = scores.masked_fill(allowed.logical_not(), lowest);
  at::Tensor weights = at::softmax(scores, -1);
  at::Tensor nothing = scores.eq(lowest).all(-1, true);
  weights = weights.masked_fill(nothing, 0.0);
  return at::matmul(weights, widen(values)).to(type);
}

at::Tensor rms_norm(const at::Tensor& input, at::IntArrayRef normalized_shape, const c10::optional<at::Tensor>& weight,
                    c10::optional<double> eps) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < normalized_shape.size(); ++i) axes.push_back(-1 - static_cast<std::int64_t>(i));
  at::ScalarType type = input.scalar_type();
  bool narrow = type == at::kHalf || type == at::kBFloat16;
  at::Tensor wide = narrow ? input.to(at::kFloat) : input;
  double epsilon = eps                                 ? *eps
                   : wide.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                       : std::numeric_limits<float>::epsilon();
  at::Tensor result = wide * at::rsqrt(wide.pow(2).mean(axes, true) + epsilon);
  if (weight && weight->defined()) result = result * *weight;
  return result.to(type);
}

at::Tensor grouped_mm(const at::Tensor& self, const at::Tensor& mat2, const c10::optional<at::Tensor>& offs,
                      const c10::optional<at::Tensor>& bias, c10::optional<at::ScalarType> out_dtype) {
  TORCH_CHECK(!bias || !bias->defined(), "_grouped_mm with a bias is not known here");
  at::ScalarType type = out_dtype ? *out_dtype : self.scalar_type();
  at::Tensor left = self.to(at::kFloat), right = mat2.to(at::kFloat);
  if (!offs || !offs->defined()) return at::matmul(left, right).to(type);
  TORCH_CHECK(self.dim() == 2 && mat2.dim() == 3, "_grouped_mm is known for a 2-d and a 3-d matrix only");
  at::Tensor ends = offs->to(at::kLong).contiguous();
  at::Tensor result = at::zeros({self.size(0), mat2.size(-1)}, at::kFloat);
  std::int64_t begin = 0;
  for (std::int64_t group = 0; group < mat2.size(0); ++group) {
    std::int64_t end = ends.data_ptr<std::int64_t>()[group];
    if (end > begin)
      result.narrow(0, begin, end - begin).copy_(at::matmul(left.narrow(0, begin, end - begin), right[group]));
    begin = end;
  }
  return result.to(type);
}

at::Tensor nonzero_static(const at::Tensor& self, std::int64_t size, std::int64_t fill_value) {
  at::Tensor found = at::nonzero(self);
  at::Tensor result = at::full({size, self.dim()}, fill_value, at::kLong);
  std::int64_t count = std::min(size, found.size(0));
  result.narrow(0, 0, count).copy_(found.narrow(0, 0, count));
  return result;
}

// The four that newer releases took away, as the last release with them computed them: rows in which nothing may be
// attended to are NaN here.
std::tuple<at::Tensor, at::Tensor> old_attention(const at::Tensor& query, const at::Tensor& key,
                                                 const at::Tensor& value, const c10::optional<at::Tensor>& attn_mask,
                                                 double dropout_p, bool need_attn_weights, bool is_causal) {
  (void)dropout_p;          // refused by the recorder when it is not 0
  (void)need_attn_weights;  // they were always given
  const at::Tensor scaled = query / std::sqrt(static_cast<double>(query.size(-1)));
  at::Tensor scores = at::matmul(scaled, key.transpose(-2, -1));
  c10::optional<at::Tensor> mask = attn_mask;
  if (is_causal) mask = at::ones({query.size(-2), key.size(-2)}, at::kBool).tril();
  if (mask && mask->defined()) {
    const bool is_bool = mask->scalar_type() == at::kBool;
    scores =
        is_bool ? scores.masked_fill(mask->logical_not(), -std::numeric_limits<double>::infinity()) : scores + *mask;
  }
  const at::Tensor weights = at::softmax(scores, -1);
  return {at::matmul(weights, value), weights};
}

at::Tensor cholesky(const at::Tensor& self, bool upper) { return at::linalg_cholesky(self, upper); }

std::tuple<at::Tensor, at::Tensor> qr(const at::Tensor& self, bool some) {
  return at::linalg_qr(self, some ? "reduced" : "complete");
}

std::tuple<at::Tensor, at::Tensor> symeig(const at::Tensor& self, bool eigenvectors, bool upper) {
  const char* triangle = upper ? "U" : "L";
  if (eigenvectors) return at::linalg_eigh(self, triangle);
  return {at::linalg_eigvalsh(self, triangle), at::empty({0}, self.options())};
}

template <typename Function>
void define(torch::Library& library, const std::string& name, const char* schema, Function function) {
  if (!find_schema(name, "")) library.def(schema, function);
}

void define_torchvision() {
  static torch::Library library(torch::Library::FRAGMENT, "torchvision", c10::nullopt, __FILE__, __LINE__);
  const std::pair<const char*, const char*> schemas[] = {
      {"torchvision::nms", "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"},
      {"torchvision::roi_align",
       "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, int "
       "sampling_ratio, bool aligned) -> Tensor"},
      {"torchvision::roi_pool",
       "roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width) -> (Tensor, "
       "Tensor)"},
      {"torchvision::ps_roi_align",
       "ps_roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, int "
       "sampling_ratio) -> (Tensor, Tensor)"},
      {"torchvision::ps_roi_pool",
       "ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width) -> (Tensor, "
       "Tensor)"},
      {"torchvision::deform_conv2d",
       "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int "
       "stride_w, "
       "int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask) -> Tensor"},
  };
  for (const auto& [name, schema] : schemas) {
    if (!find_schema(name, "")) library.def(schema);
  }
}

bool register_all() {
  static torch::Library library(torch::Library::FRAGMENT, "aten", c10::nullopt, __FILE__, __LINE__);
  define(library, "aten::scaled_dot_product_attention",
         "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
         "dropout_p=0., "
         "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
         scaled_dot_product_attention);
  define(library, "aten::rms_norm",
         "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor", rms_norm);
  define(library, "aten::_grouped_mm",
         "_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) -> "
         "Tensor",
         grouped_mm);
  define(library, "aten::nonzero_static", "nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor",
         nonzero_static);
  define(library, "aten::_scaled_dot_product_attention",
         "_scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
         "dropout_p=0., bool need_attn_weights=False, bool is_causal=False) -> (Tensor, Tensor)",
         old_attention);
  define(library, "aten::cholesky", "cholesky(Tensor self, bool upper=False) -> Tensor", cholesky);
  define(library, "aten::qr", "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", qr);
  define(library, "aten::symeig",
         "symeig(Tensor self, bool eigenvectors=False, bool upper=True) -> (Tensor eigenvalues, Tensor eigenvectors)",
         symeig);
  define_torchvision();
  return true;
}

}  // namespace

void register_missing_operators() {
  static const bool kDone = register_all();
  (void)kDone;
}

}  // namespace torch2nnef
