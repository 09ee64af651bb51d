// What was dropped, guessed, merged or converted while a data set was read: counted, with examples,
// and said once.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_REMARKS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_REMARKS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace recsae::probe {

// One of them, as it is said. docs/data-sets.md lists the codes.
struct Remark {
  std::string code;  // "DUPLICATES_DROPPED"
  int64_t count = 0;
  std::string text;                   // what happened, and how to have it otherwise
  std::vector<std::string> examples;  // at most kExamples: "file:line: what", or values
  bool warning = false;               // probably not as meant
};
inline constexpr size_t kExamples = 3;
inline constexpr size_t kExampleBytes = 120;  // of each, at most

// What readers count line by line.
enum class Event {
  kTextConverted,  // bytes that were not UTF-8
  kSpacesTrimmed,  // around ids
  kFloatIds,       // 12.0 taken for 12
  kIdsMerged,      // two ids of the files are one after conversion
  kHeadersRepeated,
  kItemsMerged,  // an item on several lines
  kTitlesMissing,
  kMarkupRemoved,  // from titles
  kValuesMissing,  // attributes: nan, None, \N
  kRatingsMissing,
  kUsersMissing,
  kItemsMissing,  // from interactions
  kNegatives,     // label 0, no click
  kUnlabelled,    // impressions that do not say what was clicked
  kTimesMissing,
  kTimesMixed,     // seconds beside milliseconds
  kValuesDropped,  // JSON objects where a text is wanted
  kCount
};

class Tallies {
 public:
  struct Tally {
    int64_t count = 0;
    std::vector<std::string> examples;
  };

  // Counts one; `example()` is asked for the first few only.
  template <typename Example>
  void Add(Event event, const Example& example) {
    Tally& tally = tallies_[static_cast<size_t>(event)];
    ++tally.count;
    if (tally.examples.size() < kExamples) Keep(tally, example());
  }

  const Tally& of(Event event) const { return tallies_[static_cast<size_t>(event)]; }

  // A remark for each event that happened, in the order of the enumeration.
  std::vector<Remark> Remarks() const;

 private:
  static void Keep(Tally& tally, const std::string& example);

  std::array<Tally, static_cast<size_t>(Event::kCount)> tallies_;
};

// "1 row", "2,500 rows".
std::string Counted(int64_t count, const std::string& noun);
// "12 %", "0.3 %", "< 0.1 %".
std::string Percent(int64_t part, int64_t whole);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_REMARKS_H_
