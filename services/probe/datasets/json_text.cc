#include "services/probe/datasets/json_text.h"

#include <array>
#include <charconv>
#include <string_view>

#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

namespace dom = simdjson::dom;

void Separate(std::string* text) {
  if (!text->empty()) text->push_back(kListSeparator);
}

template <typename Number>
void AppendNumber(Number number, std::string* text) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number);
  text->append(digits.begin(), end.ptr);
}

bool IsScalar(const dom::element& value) { return !value.is_array() && !value.is_object(); }

template <typename Number>
bool AppendIf(const dom::element& value, std::string* text) {
  Number number = 0;
  if (value.get(number) != simdjson::SUCCESS) return false;
  AppendNumber(number, text);
  return true;
}

void AppendScalar(const dom::element& value, std::string* text) {
  std::string_view string;
  bool truth = false;
  if (value.get(string) == simdjson::SUCCESS) {
    text->append(string.data(), string.size());
  } else if (value.get(truth) == simdjson::SUCCESS) {
    text->append(truth ? "true" : "false");
  } else {
    // In this order: a whole number is a double too.
    AppendIf<int64_t>(value, text) || AppendIf<uint64_t>(value, text) ||
        AppendIf<double>(value, text);
  }
}

void AppendObject(const dom::object& object, std::string* text, int64_t* dropped) {
  for (const char* name : {"name", "title", "label", "value", "$oid", "$date", "$numberLong",
                           "$numberInt", "id", "_id"}) {
    dom::element inner;
    if (object.at_key(name).get(inner) == simdjson::SUCCESS && IsScalar(inner)) {
      Separate(text);
      return AppendScalar(inner, text);
    }
  }
  for (const auto field : object) {
    if (!field.value.is_number()) return static_cast<void>(++*dropped);
  }
  for (const auto field : object) {  // {"fiction": 12, "poetry": 3}
    Separate(text);
    text->append(field.key.data(), field.key.size());
  }
}

}  // namespace

void AppendText(const dom::element& value, std::string* text, int64_t* dropped) {
  dom::array list;
  dom::object object;
  if (value.get(list) == simdjson::SUCCESS) {
    for (const dom::element inner : list) {
      if (inner.is_null()) continue;
      if (IsScalar(inner)) {
        Separate(text);
        AppendScalar(inner, text);
      } else {
        AppendText(inner, text, dropped);  // as deep as simdjson allows, 1024
      }
    }
  } else if (value.get(object) == simdjson::SUCCESS) {
    AppendObject(object, text, dropped);
  } else {
    AppendScalar(value, text);
  }
}

}  // namespace recsae::probe
