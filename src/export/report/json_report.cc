// The report as JSON.

#include "export/report/json_report.h"

#include "export/report/codes.h"
#include "export/report/json.h"
#include "export/version.h"

namespace torch2nnef {
namespace {

constexpr int kFormat = 1;

std::string_view name_of(ExportError::Kind kind) {
  switch (kind) {
    case ExportError::Kind::kNotExportable:
      return "not exportable";
    case ExportError::Kind::kUsage:
      return "usage";
    case ExportError::Kind::kCheckFailed:
      return "check failed";
    case ExportError::Kind::kInternal:
      break;
  }
  return "internal error";
}

void write_head(JsonWriter& json, std::string_view status, int exit_status) {
  const VersionInfo version = version_info();
  json.begin_object().member("format", kFormat);
  json.member("tool", version.torch2nnef).member("torch", version.torch).member("dialect", version.dialect);
  json.member("status", status).member("exit_status", exit_status);
}

void write_place(JsonWriter& json, const Location& where) {
  json.member("module_path", where.module_path).member("module_class", where.module_class);
  json.key("source").begin_array();
  for (const SourceLine& line : where.stack) {
    json.begin_object().member("file", line.file).member("line", line.line);
    json.member("function", line.function).member("text", line.text).end_object();
  }
  json.end_array();
}

void write_diagnostics(JsonWriter& json, const std::vector<Diagnostic>& list) {
  json.key("diagnostics").begin_array();
  for (const Diagnostic& one : list) {
    json.begin_object().member("severity", to_string(one.severity)).member("code", one.code);
    json.member("operator", one.op).member("count", one.count).member("text", one.text).member("hint", one.hint);
    write_place(json, one.where);
    json.end_object();
  }
  json.end_array();
}

void write_tensors(JsonWriter& json, std::string_view key, const std::vector<IoReport>& list) {
  json.key(key).begin_array();
  for (const IoReport& one : list) {
    json.begin_object().member("name", one.name).member("dtype", one.dtype).key("shape").begin_array();
    for (const nnef::Dim& dim : one.shape) {
      if (dim.is_constant()) {
        json.value(dim.value());
      } else {
        json.value(dim.to_string());
      }
    }
    json.end_array().end_object();
  }
  json.end_array();
}

template <class Map>
void write_map(JsonWriter& json, std::string_view key, const Map& map) {
  json.key(key).begin_object();
  for (const auto& [name, value] : map) json.member(name, value);
  json.end_object();
}

void write_symbols(JsonWriter& json, const ExportReport& report) {
  json.key("symbols").begin_array();
  for (const Symbol& symbol : report.symbols) {
    json.begin_object().member("name", symbol.name);
    if (symbol.minimum) json.member("minimum", *symbol.minimum);
    if (symbol.maximum) json.member("maximum", *symbol.maximum);
    json.key("places").begin_array();
    for (const SymbolPlace& place : report.places_of(symbol.name)) {
      json.begin_object().member("input", place.input).member("axis", place.axis);
      json.member("size", place.size.to_string()).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().key("recorded_sizes").begin_array();
  for (const nnef::Bindings& sizes : report.recorded_sizes) {
    json.begin_object();
    for (const auto& [name, size] : sizes) json.member(name, size);
    json.end_object();
  }
  json.end_array().key("constraints").begin_array();
  for (const std::string& constraint : report.constraints) json.value(constraint);
  json.end_array();
  if (report.batch.symbol.empty()) return;
  json.key("batch").begin_object().member("symbol", report.batch.symbol);
  json.member("form", report.batch.is_scan ? "scan" : "plain").member("why", report.batch.why).end_object();
}

void write_states(JsonWriter& json, const std::vector<StateReport>& states) {
  json.key("states").begin_array();
  for (const StateReport& state : states) {
    json.begin_object().member("attribute", state.attribute).member("input", state.input);
    json.member("output", state.output).member("initial", state.initial).end_object();
  }
  json.end_array();
}

void write_drawn(JsonWriter& json, const std::vector<DrawnInput>& drawn) {
  json.key("drawn").begin_array();
  for (const DrawnInput& one : drawn) {
    json.begin_object().member("input", one.input).member("use", std::string(to_string(one.use)));
    json.member("lowest", one.lowest)
        .member("highest", highest_of(one).to_string())
        .member("why", one.why)
        .end_object();
  }
  json.end_array();
}

// Where it began; how the error grew from there is on the page (--report FILE.html).
void write_divergence(JsonWriter& json, const Divergence& first) {
  json.key("divergence").begin_object().member("engine", first.engine);
  write_map(json, "sizes", first.sizes);
  json.member("name", first.name).member("operation", first.operation).member("operator", first.aten);
  json.member("detail", first.detail).member("expected", first.expected).member("actual", first.actual);
  json.key("at").begin_array();
  for (std::int64_t place : first.at) json.value(place);
  json.end_array();
  write_place(json, first.where);
  json.end_object();
}

void write_weights(JsonWriter& json, const ExportReport& report) {
  json.key("weights").begin_array();
  for (const WeightReport& one : report.weights) {
    json.begin_object().member("path", one.path).member("form", one.form).member("why_not", one.why_not);
    json.member("items", one.items).member("float_bytes", one.float_bytes).member("bytes", one.bytes);
    json.member("mean_squared_error", one.mean_squared_error).member("largest_error", one.largest_error);
    json.member("root_mean_square", one.root_mean_square);
    if (one.output) {
      json.key("output").begin_object().member("plain_error", one.output->plain_error);
      json.member("error", one.output->error).member("root_mean_square", one.output->root_mean_square).end_object();
    }
    json.end_object();
  }
  json.end_array().key("float_distance").begin_array();
  for (const FloatDistance& one : report.float_distance) {
    json.begin_object().member("output", one.output);
    write_map(json, "sizes", one.sizes);
    json.member("rms_error", one.rms_error).member("largest_error", one.largest_error);
    json.member("root_mean_square", one.root_mean_square).end_object();
  }
  json.end_array();
}

void write_check(JsonWriter& json, const CheckReport& check) {
  json.key("check").begin_object().member("engine", check.engine).member("agrees", check.agrees());
  json.member("not_run_because", check.not_run_because).key("outputs").begin_array();
  for (const CheckReport::Output& output : check.outputs) {
    json.begin_object().member("engine", output.engine).member("name", output.name);
    write_map(json, "sizes", output.sizes);
    json.member("max_abs", output.max_abs).member("max_rel", output.max_rel).member("agrees", output.agrees);
    if (output.steps) {
      json.key("steps").begin_object().member("rms", output.steps->rms).member("moved", output.steps->moved);
      json.member("accepted", output.steps->accepted);
      json.member("exact_engine", output.steps->is_exact_engine).end_object();
    }
    json.member("detail", output.detail).end_object();
  }
  json.end_array();
  if (check.codes) {
    json.key("codes").begin_object().member("calls", check.codes->calls).member("items", check.codes->items);
    json.member("others", check.codes->others).member("largest", check.codes->largest).end_object();
  }
  if (check.divergence) write_divergence(json, *check.divergence);
  json.end_object();
}

void write_streams(JsonWriter& json, const std::vector<StreamReport>& streams) {
  json.key("streams").begin_array();
  for (const StreamReport& stream : streams) {
    json.begin_object().member("symbol", stream.symbol).member("pulse", stream.pulse).member("length", stream.length);
    json.key("outputs").begin_array();
    for (const StreamReport::Output& output : stream.outputs) {
      json.begin_object().member("name", output.name).member("axis", output.axis).member("delay", output.delay);
      json.member("frames", output.frames).member("compared", output.compared).member("max_abs", output.max_abs);
      json.member("agrees", output.agrees).member("detail", output.detail).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace

std::string json_report(const ExportReport& report) {
  JsonWriter json;
  write_head(json, "exported", 0);
  json.member("output", report.output.string()).member("archive_bytes", report.archive_bytes);
  json.member("tensor_bytes", report.tensor_bytes).member("tensors", report.tensors);
  json.member("calls", report.calls).member("operations", report.operations);
  json.member("inputs_from", report.inputs_from);
  write_drawn(json, report.drawn);
  write_tensors(json, "inputs", report.inputs);
  write_tensors(json, "outputs", report.outputs);
  write_states(json, report.states);
  write_symbols(json, report);
  write_map(json, "operators", report.operators);
  if (!report.weights.empty()) write_weights(json, report);
  if (report.half) {
    json.key("half_precision").begin_object().member("operations", report.half->in_half);
    json.member("operations_in_f32", report.half->in_single).end_object();
  }
  write_check(json, report.check);
  if (!report.streams.empty()) write_streams(json, report.streams);
  write_diagnostics(json, report.diagnostics.list());
  write_map(json, "seconds", report.seconds);
  if (!report.dump.empty()) json.member("dump", report.dump);
  return json.end_object().text();
}

std::string json_report(const ExportError& error, const ExportReport* known) {
  JsonWriter json;
  write_head(json, name_of(error.kind()), static_cast<int>(error.kind()));
  write_diagnostics(json, error.diagnostics());
  if (known && error.kind() == ExportError::Kind::kCheckFailed) write_check(json, known->check);
  if (known && !known->dump.empty()) json.member("dump", known->dump);
  return json.end_object().text();
}

}  // namespace torch2nnef
