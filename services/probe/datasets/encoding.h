// Text in whatever encoding files have, as valid UTF-8.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_ENCODING_H_
#define RECSAE_SERVICES_PROBE_DATASETS_ENCODING_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae::probe {

// Whether `text` can be taken as it is: valid UTF-8 without NUL.
bool IsCleanUtf8(absl::string_view text);

// `text` with each byte that is no part of valid UTF-8 read as Windows-1252 (and so ISO-8859-1),
// halves of a surrogate pair put together, and NUL shown as U+2400. Different texts that are not
// UTF-8 stay different.
std::string ToUtf8(absl::string_view text);

// UTF-16 to UTF-8, piece by piece; halves that have no other half become U+FFFD.
class Utf16Decoder {
 public:
  explicit Utf16Decoder(bool big_endian) : big_endian_(big_endian) {}
  // Appends what `bytes` and what was left over before say.
  void Decode(absl::string_view bytes, std::string* out);
  // Appends what is left over at the end.
  void Finish(std::string* out);

 private:
  void Take(unsigned unit, std::string* out);

  bool big_endian_;
  bool has_byte_ = false;
  unsigned char byte_ = 0;
  unsigned high_ = 0;  // a first half whose second has not come; 0: none
};

enum class Encoding { kUtf8, kUtf16Little, kUtf16Big };

// Of a file that starts with `bytes`: by its byte-order mark (whose length is `mark`) or by every
// other byte being 0.
Encoding DetectEncoding(absl::string_view bytes, size_t* mark);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_ENCODING_H_
