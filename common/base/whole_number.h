// Whole numbers in JSON that anyone may have written.
//
// nlohmann's get<T>() cuts a number that does not fit into T off to another one, and for one with a
// fraction or an exponent (1e21) beyond T's range its behaviour is undefined. These say so instead.
#ifndef RECSAE_COMMON_BASE_WHOLE_NUMBER_H_
#define RECSAE_COMMON_BASE_WHOLE_NUMBER_H_

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

namespace recsae {

// The number that `value` (a nlohmann JSON value) is, if it is a whole one, written as such
// (not 7.0), that fits into `Integer`; else nothing.
template <class Integer, class Json>
std::optional<Integer> WholeNumber(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.template get<uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.template get<int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  return std::nullopt;
}

// The same for readers that end at the first fault: throws std::out_of_range where there is none.
template <class Integer, class Json>
Integer RequiredWholeNumber(const Json& value) {
  const std::optional<Integer> number = WholeNumber<Integer>(value);
  if (!number) throw std::out_of_range(value.dump() + " is no whole number of its range");
  return *number;
}

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_WHOLE_NUMBER_H_
