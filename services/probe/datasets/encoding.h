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

enum class Encoding { kUtf8, kUtf16Little, kUtf16Big, kUtf32Little, kUtf32Big };

// UTF-16 or UTF-32 to UTF-8, piece by piece; what is no character (a half that has no other half, a
// code that nobody has) becomes U+FFFD.
class WideDecoder {
 public:
  explicit WideDecoder(Encoding encoding)
      : wide_(encoding == Encoding::kUtf32Little || encoding == Encoding::kUtf32Big),
        big_endian_(encoding == Encoding::kUtf16Big || encoding == Encoding::kUtf32Big) {}
  // Appends what `bytes` and what was left over before say.
  void Decode(absl::string_view bytes, std::string* out);
  // Appends what is left over at the end.
  void Finish(std::string* out);

 private:
  void Take(unsigned unit, std::string* out);

  bool wide_;  // units of four bytes, not two
  bool big_endian_;
  unsigned bytes_ = 0;  // of the unit that has not all of them yet
  unsigned unit_ = 0;
  unsigned high_ = 0;  // a first half whose second has not come; 0: none
};

// Of a file that starts with `bytes`: by its byte-order mark (whose length is `mark`) or by which
// of its bytes are 0.
Encoding DetectEncoding(absl::string_view bytes, size_t* mark);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_ENCODING_H_
