#include "clients/cli/formats/json_records.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::ordered_json;

constexpr char kAttributes[] = "attributes";
// Whole numbers that doubles hold exactly.
constexpr double kExactlyDouble = 9007199254740992.0;

absl::Status Malformed(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED", what);
}

// With null for each bare NaN and Infinity.
std::string WithoutNotANumber(absl::string_view text) {
  std::string plain;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size())
      plain += text[i++];
    else if (c == '"')
      quoted = !quoted;
    bool replaced = false;
    for (const absl::string_view word : {"NaN", "-Infinity", "Infinity"}) {
      if (quoted || replaced || !absl::StartsWith(text.substr(i), word)) continue;
      plain += "null";
      i += word.size() - 1;
      replaced = true;
    }
    if (!replaced) plain += text[i];
  }
  return plain;
}

bool IsItem(const Descriptor& type) { return type.full_name() == "recsae.probe.v1.Item"; }

// A number as ids have it: 7.0 is 7.
std::string NumberText(const ordered_json& value) {
  const double number = value.get<double>();
  if (value.is_number_float() && std::floor(number) == number &&
      std::abs(number) < kExactlyDouble) {
    return absl::StrCat(static_cast<int64_t>(number));
  }
  return value.dump();
}

bool IsScalar(const ordered_json& value) {
  return value.is_string() || value.is_number() || value.is_boolean();
}

std::string TextOf(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? NumberText(value) : value.dump();
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.json_name() == name || field.name() == name) return &field;
  }
  static const auto* const kOther = new std::map<std::string, std::string>{
      {"item_id", "id"}, {"itemId", "id"}, {"item", "id"}, {"name", "title"}};
  const auto other = kOther->find(name);
  return IsItem(type) && other != kOther->end() ? FindField(type, other->second) : nullptr;
}

std::string FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->json_name());
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<ordered_json> Adapted(const Descriptor& type, const ordered_json& record);

absl::StatusOr<ordered_json> AdaptedValue(const FieldDescriptor& field, const ordered_json& value) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return Adapted(*field.message_type(), value);
  }
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return value;
  if (IsScalar(value)) return ordered_json(TextOf(value));
  return Malformed(
      absl::StrCat(field.json_name(), " is ", value.dump().substr(0, 60), ", which is no text"));
}

// Attributes of one key: one value, or a list of them.
absl::Status AddAttributes(const std::string& key, const ordered_json& values, ordered_json& to) {
  const bool list = values.is_array();
  for (const ordered_json& value : list ? values : ordered_json::array({values})) {
    if (value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()))
      continue;
    if (!IsScalar(value)) {
      return Malformed(absl::StrCat("the attribute ", key, " is ", value.dump().substr(0, 60),
                                    ", which is neither a text or number nor a list of them"));
    }
    to.push_back({{"key", key}, {"value", TextOf(value)}});
  }
  return absl::OkStatus();
}

// {"genre": "Horror"} and [{"key": "genre", "value": "Horror"}], of an item.
absl::Status ReadAttributes(const FieldDescriptor& field, const ordered_json& value,
                            ordered_json& to) {
  if (value.is_object()) {
    for (const auto& [key, values] : value.items()) {
      RECSAE_RETURN_IF_ERROR(AddAttributes(key, values, to));
    }
    return absl::OkStatus();
  }
  if (!value.is_array()) {
    return Malformed(
        "attributes is neither {\"KEY\": \"VALUE\", …} nor [{\"key\": \"KEY\", \"value\": "
        "\"VALUE\"}, …]");
  }
  for (const ordered_json& one : value) {
    RECSAE_ASSIGN_OR_RETURN(ordered_json pair, Adapted(*field.message_type(), one));
    if (pair.contains("key") && pair.contains("value")) to.push_back(std::move(pair));
  }
  return absl::OkStatus();
}

absl::Status AdaptField(const FieldDescriptor& field, const ordered_json& value, ordered_json& to) {
  if (!field.is_repeated()) {
    RECSAE_ASSIGN_OR_RETURN(to[field.json_name()], AdaptedValue(field, value));
    return absl::OkStatus();
  }
  if (!value.is_array()) {
    return Malformed(
        absl::StrCat(field.json_name(), " is ", value.dump().substr(0, 60), ", which is no list"));
  }
  ordered_json& list = to[field.json_name()] = ordered_json::array();
  for (const ordered_json& one : value) {
    RECSAE_ASSIGN_OR_RETURN(ordered_json adapted, AdaptedValue(field, one));
    list.push_back(std::move(adapted));
  }
  return absl::OkStatus();
}

absl::StatusOr<ordered_json> Adapted(const Descriptor& type, const ordered_json& record) {
  if (!record.is_object()) {
    return Malformed(absl::StrCat(record.dump().substr(0, 60), " is no object; its fields are ",
                                  FieldNames(type)));
  }
  ordered_json adapted = ordered_json::object();
  ordered_json attributes = ordered_json::array();
  for (const auto& [name, value] : record.items()) {
    if (value.is_null()) continue;
    const FieldDescriptor* field = FindField(type, name);
    // An item with both has a column of that name as well.
    if (field != nullptr && field->json_name() != name && field->name() != name &&
        record.contains(field->json_name())) {
      field = nullptr;
    }
    if (IsItem(type) && field != nullptr && field->name() == kAttributes) {
      RECSAE_RETURN_IF_ERROR(ReadAttributes(*field, value, attributes));
    } else if (field != nullptr) {
      RECSAE_RETURN_IF_ERROR(AdaptField(*field, value, adapted));
    } else if (IsItem(type)) {
      RECSAE_RETURN_IF_ERROR(AddAttributes(name, value, attributes));
    } else {
      return Malformed(
          absl::StrCat("there is no field \"", name, "\" here; the fields are ", FieldNames(type)));
    }
  }
  if (!attributes.empty()) adapted[kAttributes] = std::move(attributes);
  return adapted;
}

}  // namespace

absl::StatusOr<ordered_json> ParseJsonText(absl::string_view text) {
  if (!IsUtf8(text)) return Malformed("it is not UTF-8");
  try {
    return ordered_json::parse(WithoutNotANumber(text));
  } catch (const nlohmann::json::parse_error& error) {
    // Without the name of the exception, which stands in brackets before it.
    const absl::string_view what = error.what();
    const size_t end = what.find("] ");
    return Malformed(absl::StrCat("it is not JSON (",
                                  what.substr(end == absl::string_view::npos ? 0 : end + 2), ")"));
  }
}

absl::Status FillFromJson(const ordered_json& record, google::protobuf::Message& message) {
  message.Clear();
  RECSAE_ASSIGN_OR_RETURN(const ordered_json adapted, Adapted(*message.GetDescriptor(), record));
  const auto status = google::protobuf::util::JsonStringToMessage(adapted.dump(), &message);
  if (status.ok()) return absl::OkStatus();
  // The first line; the others point into the text.
  const absl::string_view reason(status.message().data(), status.message().size());
  return Malformed(std::string(reason.substr(0, reason.find('\n'))));
}

}  // namespace recsae::cli
