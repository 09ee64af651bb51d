// What a file that cannot be read as TorchScript is.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_ARCHIVE_KIND_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_ARCHIVE_KIND_H_

#include <string>

#include "absl/strings/string_view.h"

namespace recsae::probe {

// For people, to be read after "it is ": "a state_dict of torch.save, ...". Empty for a TorchScript
// archive and for what is none of the usual ones. Only looks; never fails.
std::string DescribeArchive(absl::string_view bytes);

// "of format 10", as the archive's own `version` says; "" where it has none.
std::string FormatOf(absl::string_view bytes);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_ARCHIVE_KIND_H_
