#include "export/torchscript/own_operators.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/frontend/ir_emitter.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/jit.h>

#include <string>

#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

constexpr const char* kNamespace = "torchvision::";

// Functions with the names and parameters of the schemas.
constexpr const char* kSource = R"(
def samples(start, size, count: int, ratio: int):
    bins = torch.arange(count, dtype=start.dtype).view(1, count, 1)
    places = ((torch.arange(ratio, dtype=start.dtype) + 0.5) / ratio).view(1, 1, ratio)
    step = (size / count).view(-1, 1, 1)
    return (start.view(-1, 1, 1) + (bins + places) * step).view(-1, count * ratio)

def neighbours(place, size: int):
    inside = (place >= -1.0) & (place <= size)
    place = place.clamp(min=0.0)
    low = place.long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    above = torch.where(low >= size - 1, torch.zeros_like(place), place - low)
    return low, high, (1.0 - above) * inside, above * inside

def roi_align(input, rois, spatial_scale: float, pooled_height: int, pooled_width: int, sampling_ratio: int,
              aligned: bool):
    batch, channels, height, width = input.size(0), input.size(1), input.size(2), input.size(3)
    boxes = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1.0)
    y = samples(boxes[:, 1], sizes[:, 1], pooled_height, sampling_ratio)
    x = samples(boxes[:, 0], sizes[:, 0], pooled_width, sampling_ratio)
    top, bottom, top_weight, bottom_weight = neighbours(y, height)
    left, right, left_weight, right_weight = neighbours(x, width)
    pixels = input.permute(0, 2, 3, 1).reshape(batch * height * width, channels)
    first = (rois[:, 0].long() * height).view(-1, 1)
    rows, columns = pooled_height * sampling_ratio, pooled_width * sampling_ratio
    sums = torch.zeros([1, 1, 1, 1], dtype=input.dtype)
    for i in range(4):
        row, row_weight = (top, top_weight) if i < 2 else (bottom, bottom_weight)
        column, column_weight = (left, left_weight) if i % 2 == 0 else (right, right_weight)
        places = ((first + row) * width).unsqueeze(2) + column.unsqueeze(1)
        values = pixels.index_select(0, places.reshape(-1)).view(-1, rows, columns, channels)
        sums = sums + values * (row_weight.unsqueeze(2) * column_weight.unsqueeze(1)).unsqueeze(3)
    sums = sums.view(-1, pooled_height, sampling_ratio, pooled_width, sampling_ratio, channels)
    return sums.mean([2, 4]).permute(0, 3, 1, 2)

def deform_conv2d(input, weight, offset, mask, bias, stride_h: int, stride_w: int, pad_h: int, pad_w: int,
                  dilation_h: int, dilation_w: int, groups: int, offset_groups: int, use_mask: bool):
    batch, channels, height, width = input.size(0), input.size(1), input.size(2), input.size(3)
    kernel_h, kernel_w = weight.size(2), weight.size(3)
    taps = kernel_h * kernel_w
    rows, columns = offset.size(2), offset.size(3)
    moved = offset.view(batch, offset_groups, taps, 2, rows, columns)
    tap_y = (torch.arange(kernel_h, dtype=offset.dtype) * dilation_h).view(-1, 1).expand(-1, kernel_w).reshape(-1)
    tap_x = (torch.arange(kernel_w, dtype=offset.dtype) * dilation_w).view(1, -1).expand(kernel_h, -1).reshape(-1)
    y = torch.arange(rows, dtype=offset.dtype) * stride_h - pad_h
    x = torch.arange(columns, dtype=offset.dtype) * stride_w - pad_w
    y = moved[:, :, :, 0] + tap_y.view(1, 1, -1, 1, 1) + y.view(1, 1, 1, -1, 1)
    x = moved[:, :, :, 1] + tap_x.view(1, 1, -1, 1, 1) + x.view(1, 1, 1, 1, -1)
    top, left = torch.floor(y), torch.floor(x)
    below, right = y - top, x - left
    per_group = channels // offset_groups
    pixels = input.reshape(batch, offset_groups, per_group, height * width)
    sums = torch.zeros([1, 1, 1, 1], dtype=input.dtype)
    for i in range(4):
        row, row_weight = (top, 1.0 - below) if i < 2 else (top + 1.0, below)
        column, column_weight = (left, 1.0 - right) if i % 2 == 0 else (left + 1.0, right)
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        share = row_weight * column_weight * inside
        if use_mask:
            share = share * mask.view(batch, offset_groups, taps, rows, columns)
        place = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
        place = place.view(batch, offset_groups, 1, -1).expand(-1, -1, per_group, -1)
        sums = sums + torch.gather(pixels, 3, place) * share.view(batch, offset_groups, 1, -1)
    out = weight.size(0)
    sums = sums.reshape(batch, groups, channels // groups * taps, rows * columns)
    result = torch.matmul(weight.reshape(groups, out // groups, -1), sums)
    return result.view(batch, out, rows, columns) + bias.view(1, -1, 1, 1)
)";

const jit::Function* find_definition(const std::string& name) {
  const std::string prefix = kNamespace;
  if (!name.starts_with(prefix)) return nullptr;
  static const std::shared_ptr<jit::CompilationUnit> kUnit = jit::compile(kSource);
  return kUnit->find_function(c10::QualifiedName(name.substr(prefix.size())));
}

void set_place(jit::Block* block, const jit::SourceRange& place) {
  for (jit::Node* node : block->nodes()) {
    node->setSourceRange(place);
    for (jit::Block* inner : node->blocks()) set_place(inner, place);
  }
}

}  // namespace

std::shared_ptr<jit::Graph> definition_of(const jit::Node* call) {
  const c10::FunctionSchema* schema = call->maybeSchema();
  const jit::Function* function = schema ? find_definition(schema->name()) : nullptr;
  if (!function) return nullptr;
  auto graph = jit::toGraphFunction(*function).graph()->copy();
  jit::Inline(*graph);
  set_place(graph->block(), call->sourceRange());
  return graph;
}

std::optional<Slot> run_definition(OperatorRecorder& recorder, const c10::FunctionSchema& schema, const Slots& inputs) {
  const jit::Function* function = find_definition(schema.name());
  if (!function) return std::nullopt;
  check_definition(schema, inputs);
  // A model of no modules.
  const jit::Module nothing("nothing");
  CallStack stack;
  AttributeAccess attributes(recorder.context(), nothing, false);
  OperationCount count(RecorderOptions().max_operations);
  ModuleCalls modules(recorder, attributes, count, builtin_tables());
  return Interpreter(recorder, stack, attributes, modules, count, 0).run_function(*function, inputs, "", "");
}

void check_definition(const c10::FunctionSchema& schema, const Slots& inputs) {
  const auto ratio = schema.argumentIndexWithName("sampling_ratio");
  if (!ratio || inputs.at(static_cast<std::size_t>(*ratio)).sample().toInt() > 0) return;
  throw Unsupported("without a sampling_ratio, the number of samples depends on the values of the boxes",
                    "give it a sampling_ratio above 0, such as 2");
}

}  // namespace torch2nnef
