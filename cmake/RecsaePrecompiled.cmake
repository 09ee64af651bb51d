# Headers that are compiled once for many files (RECSAE_PCH). They are those of other projects alone:
# one of ours would make its every change compile everything again. No source may count on one of
# them, each includes what it uses, and builds with RECSAE_PCH=OFF are to show it.

# recsae_precompiled(NAME HEADERS <a.h> ... DEPS lib ...)
function(recsae_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  if(NOT RECSAE_PCH)
    return()
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/recsae_precompiled_${name}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(recsae_precompiled_${name} OBJECT ${source})
  # Of the warnings, -Wpedantic decides which macros there are.
  target_compile_options(recsae_precompiled_${name} PRIVATE ${RECSAE_WARNINGS})
  target_link_libraries(recsae_precompiled_${name} PRIVATE ${ARG_DEPS})
  target_precompile_headers(recsae_precompiled_${name} PRIVATE ${ARG_HEADERS})
endfunction()

# recsae_use_precompiled(NAME target ...)
function(recsae_use_precompiled name)
  if(NOT RECSAE_PCH)
    return()
  endif()
  foreach(target IN LISTS ARGN)
    target_precompile_headers(${target} REUSE_FROM recsae_precompiled_${name})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
      # As the headers were compiled; -fPIE, which programs get, cannot use them.
      target_compile_options(${target} PRIVATE -fPIC)
    endif()
  endforeach()
endfunction()

set(statuses <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/strings/str_join.h> <absl/time/time.h> <absl/types/span.h>)
set(rpcs <google/protobuf/message.h> <google/protobuf/map.h> <google/protobuf/timestamp.pb.h>
  <grpcpp/grpcpp.h>)

recsae_precompiled(rpc HEADERS ${statuses} ${rpcs}
  DEPS gRPC::grpc++ absl::status absl::statusor absl::strings absl::time absl::span)
if(RECSAE_TESTS)
  recsae_precompiled(test HEADERS <gmock/gmock.h> <gtest/gtest.h> ${statuses} ${rpcs}
    DEPS gRPC::grpc++ GTest::gmock GTest::gtest absl::status absl::statusor absl::strings absl::time
      absl::span)
endif()
if(RECSAE_TORCH)
  recsae_precompiled(torch HEADERS <torch/torch.h> <torch/script.h> ${statuses}
    DEPS recsae_torch Threads::Threads absl::status absl::statusor absl::strings absl::time
      absl::span)
endif()
