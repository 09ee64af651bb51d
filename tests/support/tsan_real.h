// For files that stand in for functions of libraries, so that ThreadSanitizer hears of them.
#ifndef RECSAE_TESTS_SUPPORT_TSAN_REAL_H_
#define RECSAE_TESTS_SUPPORT_TSAN_REAL_H_

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <type_traits>

namespace recsae {

// The library's own function, by its mangled name.
inline void* FindReal(const char* symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) {
    std::fprintf(stderr, "ThreadSanitizer's support: no library that is loaded has %s\n", symbol);
    std::abort();
  }
  return found;
}

}  // namespace recsae

// RECSAE_REAL(signature, mangled name): looked up once.
#define RECSAE_REAL(signature, name)                                             \
  [] {                                                                           \
    static const std::add_pointer_t<signature> real =                            \
        reinterpret_cast<std::add_pointer_t<signature>>(recsae::FindReal(name)); \
    return real;                                                                 \
  }()

#endif  // RECSAE_TESTS_SUPPORT_TSAN_REAL_H_
