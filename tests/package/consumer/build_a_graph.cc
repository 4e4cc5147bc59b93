// build_a_graph OUT: a graph made by hand, written, read back and validated, without torch.
#include <nnef/builder/builder.h>
#include <nnef/dialect/validate.h>
#include <nnef/io.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Graph graph;
  nnef::Builder builder(graph, dialect);
  const nnef::Value x = builder.external("x", nnef::DType::kF32, {nnef::Dim(2), nnef::Dim(3)});
  const nnef::Value weight = builder.variable("w", nnef::vector_tensor(nnef::DType::kF32, {1, 2, 3}));
  graph.inputs = {x};
  graph.outputs = {builder.name_output(builder.binary("mul", x, weight), "y")};
  builder.finish();
  nnef::write_archive(graph, dialect, argv[1]);
  const nnef::Graph back = nnef::read_archive(argv[1], dialect);
  try {
    builder.add("no_such_operator", {x});
  } catch (const nnef::BuildError&) {  // thrown in the library, caught here by its type
    const std::string difference = nnef::compare_archive(argv[1], graph, dialect);
    std::cout << back.operations.size() << " operations, " << back.variables.size() << " variable, "
              << (difference.empty() ? "the same" : difference) << "\n";
    return 0;
  }
  return 1;
}
