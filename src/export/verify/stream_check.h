// The check of an archive as a stream: tract gets a sequence pulse by pulse, and what it gives is compared with what
// PyTorch computes for the whole sequence.
#pragma once

#include <filesystem>

#include "export/outcome.h"
#include "export/request.h"
#include "export/verify/reference.h"

namespace torch2nnef {

// Throws ExportError (not exportable), each call with its line of Python, when a stream that is asked for needs the
// whole sequence somewhere; and for a symbol that there is not.
void refuse_streams(const nnef::Graph& graph, const Lineage& lineage, const Tape& tape, const ExportOptions& options);

// The sizes at which a stream's whole sequence is computed: whole pulses, and the sample's sizes of other symbols.
nnef::Bindings sizes_of_stream(const StreamSpec& stream, const Tape& tape);

// Fills report.streams. The subject's recording has a run at the sizes of each stream. Throws ExportError: usage
// without tract-run, not exportable where tract cannot cut the model into pulses, check failed where a value differs.
void check_streams(const std::filesystem::path& archive, const CheckSubject& subject, const ExportOptions& options,
                   ExportReport& report);

}  // namespace torch2nnef
