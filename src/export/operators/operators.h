// What is known of operators of torch beside their schemas: one row per operator in operators.def. The recorder, the
// shape rules, the number types and the checks ask the row; no other file decides a fact by an operator's name.
//
// A row serves all overloads of its name unless one of them has a row of its own ("aten::where." is the overload
// without a name). An in-place operator has the facts of its functional form, and so has a copying form of a view
// ("aten::view_copy"), which is not a view. Start reading at operators.def. No other header of the exporter is needed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace torch2nnef {

// How a write through a view is carried back to its base.
enum class Undo : std::uint8_t {
  kNone,      // it is not, so a write is refused
  kSame,      // base and view are the same items in the same order and shape
  kSelect,    // by select_scatter
  kSlice,     // by slice_scatter
  kDiagonal,  // by diagonal_scatter
  kSameCall,  // by the same call again
  kPermute,
  kMovedim,
  kReshape,
};

// The result is a list of parts of the base, or one part.
enum class Parts : std::uint8_t { kNone, kSlices, kSelects };

// What a number read from a tensor without a look at its items is.
enum class Metadata : std::uint8_t {
  kNone,
  kFixed,  // does not follow from the sizes
  kItems,  // of a tensor that depends on an input: may follow from its items
  kSized,  // follows from the sizes in a way of its own
  kShape,  // all sizes, or the size of one axis
  kNumel,
  kLength,  // the first size
};

// Arithmetic on numbers, and on the items of tensors that hold sizes.
enum class NumberOp : std::uint8_t {
  kNone,
  // of two numbers
  kAdd,
  kSub,
  kMul,
  kTrueDiv,
  kFloorDiv,
  kRemainder,
  kMin,
  kMax,
  kPower,
  kShiftLeft,
  kShiftRight,
  kCommonDivisor,
  kAnd,  // of integers bit by bit, as the next two
  kOr,
  kXor,
  // of one
  kNeg,
  kAbs,
  kFloor,
  kCeil,
  kTrunc,
  kRound,  // to the nearest integer, halves to the even one
  kSame,
  // the others are not a formula of one or two numbers
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kNot,
  kRangeLength,  // of Python's range
  kRangeItem,
  kSubFrom,  // the second number minus the first
  kClamp,
  kConcatenate,
  kSum,
  kProduct,
  kMean,
  kLargest,
  kSmallest,
  kRange,  // makes start, start + step, ...
};

// What an operator on a list does with its items.
enum class ListStep : std::uint8_t {
  kNone,
  kAppend,
  kExtend,
  kSetItem,
  kInsert,
  kReverse,
  kPop,
  kGetItem,
  kSlice,
  kCopy,
  kIgnores,  // the result does not depend on numbers in it
};

// The rule by which the sizes of a result follow from the arguments.
enum class ShapeRule : std::uint8_t {
  kNone,
  kPermute,
  kTranspose,
  kMatrixTranspose,
  kMovedim,
  kFlatten,
  kSlice,
  kNarrow,
  kSelect,
  kUnsqueeze,
  kSqueeze,
  kUnflatten,
  kRepeat,
  kRepeatInterleave,
  kPairs,  // of real and imaginary part, along a last axis
  kFromPairs,
  kEvenPieces,  // of one length, the last of which may be shorter
  kPieces,
  kDiagonal,
  kDiag,
  kLikeOther,
  kExpand,
  kPad,
  kConcatenate,
  kStack,
  kEmbedding,
  kIndexSelect,
  kLikeIndex,
  kIndexed,
  kOuter,
  kEinsum,
  kRange,
  kWindowColumns,  // im2col
  kUnfold,
  kStft,
  kInverseStft,
  kHalfSpectrum,
  kFromHalfSpectrum,
};

// Among what the integers in an argument choose.
enum class Choice : std::uint8_t {
  kNone,
  kAlongDim,  // the places along the axis that the argument dim names; all items where it is None
  kAlongOwn,  // in a list of indices, the places along the axis of each one's own place in it
  kRows,      // the places along the first axis
  kItems,     // all items
  kClasses,   // the places along the second axis; along the only one of a tensor of rank 1
  kBelow,     // the numbers below a number
  kLengths,   // how many steps of time: from 1 on
};

// What a write puts in the place of all items.
enum class Fill : std::uint8_t { kNone, kZero, kValue, kSource };

// Which items a mask names: those that are taken, or those that are written. kIndexes and kPuts take masks among
// indices.
enum class MaskUse : std::uint8_t { kNone, kIndexes, kSelects, kPuts, kScatters };

// The item that changes no result of a reduction: of a mean, no sum.
enum class Neutral : std::uint8_t { kNone, kZero, kOne, kLeast, kMost };

// Sequences of several lengths in one tensor, and back.
enum class Packing : std::uint8_t { kNone, kPacks, kPads };

enum Fact : std::uint64_t {
  kView = 1 << 0,            // the result may share the memory of an argument
  kMoves = 1 << 1,           // items of the results are items of its tensors, in other places
  kChooses = 1 << 2,         // of such values, and of zeros and signs: no item has to be rounded
  kOnCodes = 1 << 3,         // on the codes of quantised tensors it does as on the numbers
  kCasts = 1 << 4,           // to another dtype
  kMeetsInOneType = 1 << 5,  // converts both operands to one dtype before it computes
  kRoundsOnce = 1 << 6,      // computes exactly and rounds, in bfloat16
  kRandom = 1 << 7,
  kDropout = 1 << 8,           // while training it drops values at random, else it returns its argument
  kRandomTraining = 1 << 9,    // while training it draws at random, else it computes something
  kBatchStatistics = 1 << 10,  // while training it normalises by the batch
  kUninitialised = 1 << 11,    // memory that nobody set
  kShapeFromData = 1 << 12,    // the result is as long as values say
  kItemwise = 1 << 13,         // an item of the result depends on the items at its place only
  kDropsOnes = 1 << 14,        // takes axes of size 1 away
  kWindows = 1 << 15,          // moves a window over axes, of which there must be one at least
  kReplacesMemory = 1 << 16,   // of the tensor that it writes
  kOnlyMarks = 1 << 17,        // changes nothing that a value depends on
  kReadsItem = 1 << 18,        // of a tensor, as a number
  kFromNumbers = 1 << 19,      // makes a tensor of numbers
  kConverts = 1 << 20,         // a number to another kind of number
  kSameObject = 1 << 21,       // compares identity
  kIntegerDivision = 1 << 22,  // by zero it fails, where both are integers
  kRaises = 1 << 23,
  kNameOnly = 1 << 24,              // there is no kernel for it here
  kHarmless = 1 << 25,              // may be executed, though its schema does not show that
  kRefused = 1 << 26,               // is never executed: it reaches beyond its arguments
  kOverloads = 1 << 27,             // set by the table: some overload has a row of its own
  kOrders = 1 << 28,                // gives places of items along an axis, of equal ones in an order that is left open
  kScales = 1 << 29,                // of a multiple of its tensor it gives that multiple of its result
  kBetweenBounds = 1 << 30,         // concerns the part of an axis between two bounds
  kIntegersFail = 1ULL << 31,       // some integers make it fail
  kByStrides = 1ULL << 32,          // takes the items from the memory behind a tensor
  kLengthFromNumbers = 1ULL << 33,  // the result is as long as its arguments say, which are numbers
  kAsserts = 1ULL << 34,            // does nothing but fail
  kOnlyPrints = 1ULL << 35,
  kSameTensor = 1ULL << 36,   // the result is the argument
  kLinearLayer = 1ULL << 37,  // input [.., in], weight [out, in], bias [out] or None
  kQuantises = 1ULL << 38,    // by parameters that it is given
  kObserves = 1ULL << 39,     // measures ranges while it quantises
  kAlongAxis = 1ULL << 40,    // along the axis dim, each line by itself, and as long as before
};

struct OperatorRow {
  std::string_view name;
  std::uint64_t facts = 0;
  Undo undo = Undo::kNone;
  Parts parts = Parts::kNone;
  Metadata metadata = Metadata::kNone;
  NumberOp number = NumberOp::kNone;
  ListStep list = ListStep::kNone;
  ShapeRule shape = ShapeRule::kNone;
  Fill fill = Fill::kNone;
  MaskUse masks = MaskUse::kNone;
  Packing packing = Packing::kNone;
  Neutral neutral = Neutral::kNone;
  std::int8_t cut_axis = -1;         // the axis that is cut, or the last one before it; -1: the argument dim names it
  std::string_view as_tensors;       // the operator on tensors of rank 0 that does the same
  std::string_view length_argument;  // whose values the result's length depends on
  std::string_view place_argument;   // an integer that says only where something is: no shape depends on it
  std::string_view order_argument;   // whether the results are in order; else their order is left open
  std::string_view index_argument;   // of integers, some values of which make it fail
  std::string_view indexed;          // the argument that these choose from, by `choice`
  Choice choice = Choice::kNone;

  bool is(std::uint64_t fact) const { return (facts & fact) != 0; }
};

// The row of an operator by its name ("aten::select", "aten::relu_"), or a row without facts.
const OperatorRow& row_of(std::string_view name);
const OperatorRow& row_of(std::string_view name, std::string_view overload);
// All rows as operators.def has them.
const std::vector<OperatorRow>& operator_rows();

// "aten::add" of "aten::add_", "aten::bitwise_and" of "aten::__iand__"; "" when a name is not that of an in-place
// operator.
std::string functional_name(std::string_view name);

}  // namespace torch2nnef
