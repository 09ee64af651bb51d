#include "clients/cli/text/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using nlohmann::ordered_json;

constexpr int64_t kExactlyDouble = int64_t{1} << 53;
constexpr char kAnyType[] = "@type";

void NumberFields(const Descriptor& type, ordered_json& object);

bool Is64Bit(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
}

void NumberValue(const FieldDescriptor& field, ordered_json& value) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && value.is_object()) {
    NumberFields(*field.message_type(), value);
    return;
  }
  int64_t number = 0;
  if (Is64Bit(field) && value.is_string() &&
      absl::SimpleAtoi(value.get_ref<const std::string&>(), &number) && number <= kExactlyDouble &&
      number >= -kExactlyDouble) {
    value = number;
  }
}

// The type of what an Any holds, where it is one of the suite's.
const Descriptor* TypeInAny(const ordered_json& any) {
  const auto url = any.find(kAnyType);
  if (url == any.end() || !url->is_string()) return nullptr;
  const std::string& text = url->get_ref<const std::string&>();
  return DescriptorPool::generated_pool()->FindMessageTypeByName(text.substr(text.rfind('/') + 1));
}

void NumberFields(const Descriptor& type, ordered_json& object) {
  const bool any = type.full_name() == "google.protobuf.Any";
  const Descriptor* actual = any ? TypeInAny(object) : &type;
  if (actual == nullptr) return;
  for (int i = 0; i < actual->field_count(); ++i) {
    const FieldDescriptor& field = *actual->field(i);
    const auto found = object.find(field.json_name());
    if (found == object.end()) continue;
    const FieldDescriptor* each = field.is_map() ? field.message_type()->field(1) : &field;
    if (field.is_repeated()) {
      for (ordered_json& value : *found) NumberValue(*each, value);
    } else {
      NumberValue(*each, *found);
    }
  }
}

}  // namespace

absl::StatusOr<ordered_json> AsJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions format;
  format.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, format);
  ordered_json json = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!status.ok() || !json.is_object()) {
    return Error(absl::StatusCode::kInternal, "NOT_PRINTABLE",
                 absl::StrCat("the answer cannot be written as JSON: ",
                              absl::string_view(status.message().data(), status.message().size()),
                              "; is the server newer than this client?"));
  }
  NumberFields(*message.GetDescriptor(), json);
  return json;
}

}  // namespace recsae::cli
