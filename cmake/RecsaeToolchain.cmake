# How this project is compiled: compiler cache, linker, sanitizers and the warnings our own code must pass.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(RECSAE_CCACHE ccache)
if(RECSAE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RECSAE_CCACHE})
endif()

find_program(RECSAE_MOLD mold)
if(RECSAE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(RECSAE_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
if(RECSAE_SANITIZE)
  add_compile_options(-fsanitize=${RECSAE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RECSAE_SANITIZE})
endif()

# Coverage for libFuzzer in all that a fuzzer links; clang alone has it.
option(RECSAE_FUZZ "Build the fuzzers in place of tests and benchmarks" OFF)
if(RECSAE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=vptr -Wno-unknown-warning-option)
endif()

# -Wrestrict sees an overlap in std::string's own code in GCC 12 (gcc.gnu.org/PR105651).
set(RECSAE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-restrict -Werror)
