// Reads Python's pickles of plain data without running anything of them.
#ifndef RECSAE_COMMON_FILES_PICKLE_H_
#define RECSAE_COMMON_FILES_PICKLE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::pickle {

// INVALID_ARGUMENT with the reason of every error here: the bytes are no pickle (PICKLE_MALFORMED),
// or one of something else than plain data (PICKLE_NOT_PLAIN), which names it.
inline constexpr char kMalformed[] = "PICKLE_MALFORMED";
inline constexpr char kNotPlain[] = "PICKLE_NOT_PLAIN";

enum class Kind {
  kNone,
  kBool,
  kInt,
  kFloat,
  kText,
  kSequence,    // a list or tuple
  kDict,        // also an OrderedDict
  kGlobal,      // the name of a class or function, "torch.FloatStorage"
  kPersistent,  // an object kept elsewhere; items[0] is its id
  kCall,        // a call that was not made: text is the function's name, items its arguments
};

struct Value {
  Kind kind = Kind::kNone;
  int64_t number = 0;  // kBool, kInt
  double real = 0;     // kFloat
  std::string text;    // kText (valid UTF-8), kGlobal, kCall
  // kSequence, kPersistent, kCall; of a kDict key, value, key, value … Values may be shared, and
  // hold themselves: who follows them counts its steps.
  std::vector<const Value*> items;
};

struct Pickle {
  std::deque<Value> values;  // the owner; not to be copied
  const Value* root = nullptr;
};

// Reads one pickle of protocol 2 to 5, at most 16 MiB with 100,000 values. Globals are taken that
// `is_known` says true to, and nothing is looked up, imported or called.
absl::StatusOr<Pickle> Parse(absl::string_view bytes, bool (*is_known)(absl::string_view global));

}  // namespace recsae::pickle

#endif  // RECSAE_COMMON_FILES_PICKLE_H_
