// Tables of JSON objects or Python dictionaries.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_JSON_TABLE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_JSON_TABLE_H_

#include <string>

#include "absl/status/status.h"
#include "services/probe/datasets/reading.h"
#include "services/probe/datasets/table.h"

namespace recsae::probe {

// As ReadTable, for a file that begins with '{' or '['. A list of objects within the objects of an
// interaction log (Steam's users with their items) is read as a record for each of its elements.
absl::Status ReadJsonTable(const std::string& path, Reading* reading, const TakeHeader& header,
                           const ParseFields& parse);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_JSON_TABLE_H_
