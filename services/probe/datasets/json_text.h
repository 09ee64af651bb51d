// Values of parsed JSON as the texts of a table's fields.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_JSON_TEXT_H_
#define RECSAE_SERVICES_PROBE_DATASETS_JSON_TEXT_H_

#include <simdjson.h>

#include <cstdint>
#include <string>

namespace recsae::probe {

// Appends what `value` says: a text or number as it is, a list by its elements and an object that
// counts things by its names, parted by kListSeparator; of an object with a name (name, title,
// label, value) that one. null adds nothing; other objects count in `dropped`.
void AppendText(const simdjson::dom::element& value, std::string* text, int64_t* dropped);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_JSON_TEXT_H_
