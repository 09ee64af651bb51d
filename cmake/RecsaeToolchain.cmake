# How this project is compiled: compiler cache, linker, sanitizers and the warnings our own code must pass.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# With paths taken from the source folder on, a clone in another folder finds what this one compiled.
# Precompiled headers are what the sloppiness is for (none of the sources asks for the time), and, as
# they are large, the inode cache.
find_program(RECSAE_CCACHE ccache)
if(RECSAE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
    CCACHE_NOHASHDIR=1 CCACHE_INODECACHE=1 CCACHE_SLOPPINESS=pch_defines,time_macros
    ${RECSAE_CCACHE})
endif()

# For our programs; a library leaves the linker to who links it.
set(RECSAE_LINK_OPTIONS)
find_program(RECSAE_MOLD mold)
if(RECSAE_MOLD)
  list(APPEND RECSAE_LINK_OPTIONS -fuse-ld=mold)
endif()

# Everything that is linked together must be instrumented, generated code too. libtorch's and other
# packages' classes come without the type information that UBSan's vptr check wants.
set(RECSAE_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
if(RECSAE_SANITIZE)
  add_compile_options(-fsanitize=${RECSAE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  if(RECSAE_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize=vptr)
  endif()
  list(APPEND RECSAE_LINK_OPTIONS -fsanitize=${RECSAE_SANITIZE})
endif()

# Coverage for libFuzzer in all that a fuzzer links; clang alone has it.
if(RECSAE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(RECSAE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # -Wrestrict sees an overlap in std::string's own code in GCC 12 (gcc.gnu.org/PR105651).
  list(APPEND RECSAE_WARNINGS -Wno-restrict)
  # GCC 12 sees overflows in std::string and protobuf's maps that are none, and tells of them where
  # their headers come precompiled.
  list(APPEND RECSAE_WARNINGS -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(RECSAE_WERROR)
  list(APPEND RECSAE_WARNINGS -Werror)
endif()
