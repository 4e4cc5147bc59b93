#include "nnef/inspect/difference.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>

#include "nnef/inspect/tensor_statistics.h"
#include "nnef/io.h"

namespace nnef {
namespace {

using Lines = std::vector<std::string>;

// What is compared of a graph: lines by key. The text is the writer's, cut into its statements.
struct Listing {
  Lines head;                                 // extensions, properties, signatures, entries of graph.quant
  std::map<std::string, std::string> bodies;  // a statement by its fragment, "" for the graph, and first result
  Lines order;                                // the keys as they stand
};

Listing list(const Graph& graph, const Dialect& dialect) {
  Listing listing;
  const std::string text = write_text(graph, dialect) + "\n" + write_quant(graph);
  std::string body;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line == "{" || line == "}" || line == "version 1.0;") continue;
    const bool statement = line.starts_with("  ") && line.ends_with(";") && !body.starts_with("tract_core_properties");
    if (line.starts_with("fragment ")) body = line.substr(9, line.find('(') - 9);
    if (line.starts_with("graph ")) body = "";
    line.erase(0, line.find_first_not_of(' '));
    if (!statement) {
      listing.head.push_back(std::move(line));
      continue;
    }
    const std::string key = body + "\n" + line.substr(0, line.find_first_of(",=") - 1);
    listing.order.push_back(key);
    listing.bodies.emplace(key, (body.empty() ? "" : body + ": ") + line);
  }
  return listing;
}

// Lines of one list that the other does not have.
void only_in(const Lines& mine, const Lines& others, const char* sign, Lines& result) {
  const std::set<std::string_view> known(others.begin(), others.end());
  for (const std::string& line : mine) {
    if (known.count(line) == 0) result.push_back(sign + line);
  }
}

void compare_statements(const Listing& a, const Listing& b, Lines& result) {
  for (const std::string& key : a.order) {
    const auto other = b.bodies.find(key);
    const std::string& line = a.bodies.at(key);
    if (other == b.bodies.end()) {
      result.push_back("- " + line);
    } else if (other->second != line) {
      result.push_back("- " + line);
      result.push_back("+ " + other->second);
    }
  }
  for (const std::string& key : b.order) {
    if (a.bodies.count(key) == 0) result.push_back("+ " + b.bodies.at(key));
  }
}

// Values whose type or shape follows from something else than their own statement.
void compare_values(const Graph& a, const Graph& b, Lines& result) {
  const auto facts = [](const Graph& graph) {
    std::map<std::string, std::string> all;
    for (const Operation& operation : graph.operations) {
      for (Value value : operation.results) {
        const ValueInfo& info = graph.info(value);
        all[info.name] = std::string(to_string(info.dtype)) + to_string(info.shape);
      }
    }
    return all;
  };
  const auto left = facts(a), right = facts(b);
  for (const auto& [name, fact] : left) {
    const auto other = right.find(name);
    if (other != right.end() && other->second != fact) {
      result.push_back("! " + name + " is " + fact + " and " + other->second);
    }
  }
}

std::string short_number(long double number) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.3Lg", number);
  return buffer.data();
}

std::string kind_of(const TensorData& tensor) { return type_text(tensor) + to_string(make_shape(tensor.shape())); }

void compare_tensors(const Graph& a, const Graph& b, Lines& result) {
  for (const auto& [label, data] : a.variables) {
    const auto other = b.variables.find(label);
    const std::string kind = kind_of(*data);
    if (other == b.variables.end()) {
      result.push_back("- " + label + ".dat: " + kind);
    } else if (const std::string other_kind = kind_of(*other->second); kind != other_kind) {
      result.push_back("! " + label + ".dat: " + kind + " and " + other_kind);
    } else if (const TensorDifference d = tensor_difference(*data, *other->second); d.items > 0) {
      result.push_back("! " + label + ".dat: " + std::to_string(d.items) + " of " + std::to_string(data->numel()) +
                       " items differ, the first is " + std::to_string(d.first) + ", by at most " +
                       short_number(d.max_difference));
    }
  }
  for (const auto& [label, data] : b.variables) {
    if (a.variables.count(label) == 0) result.push_back("+ " + label + ".dat: " + kind_of(*data));
  }
}

}  // namespace

std::vector<std::string> graph_differences(const Graph& a, const Graph& b, const Dialect& dialect) {
  Lines result;
  const Listing left = list(a, dialect), right = list(b, dialect);
  only_in(left.head, right.head, "- ", result);
  only_in(right.head, left.head, "+ ", result);
  compare_statements(left, right, result);
  compare_values(a, b, result);
  compare_tensors(a, b, result);
  return result;
}

}  // namespace nnef
