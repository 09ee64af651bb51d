# One call for each library, program and test, with its dependencies spelled out.

include(GNUInstallDirs)
set(RECSAE_INSTALL_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/recsae)

# recsae_library(NAME SOURCES a.cc ... DEPS lib ...)
# A static library, also called recsae::<NAME without recsae_>; with no .cc among SOURCES a
# header-only one.
function(recsae_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  string(REGEX REPLACE "^recsae_" "" short ${name})
  set(sources ${ARG_SOURCES})
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  if(sources)
    set(scope PUBLIC)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_compile_options(${name} PRIVATE ${RECSAE_WARNINGS})
  else()
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
  endif()
  add_library(recsae::${short} ALIAS ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${short})
  target_include_directories(${name} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${RECSAE_INSTALL_HEADERS}>)
  # Told to who links it from elsewhere.
  target_compile_features(${name} ${scope} cxx_std_20)
  target_link_libraries(${name} ${scope} ${ARG_DEPS})
endfunction()

# recsae_binary(NAME SOURCES main.cc ... DEPS lib ...)
# A program, in <build>/bin.
function(recsae_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${RECSAE_WARNINGS})
  target_link_options(${name} PRIVATE ${RECSAE_LINK_OPTIONS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${RECSAE_SANITIZER_SUPPORT})
endfunction()

# recsae_test(NAME SOURCES a_test.cc ... DEPS lib ... [LABELS label ...] [TIMEOUT seconds])
# A GoogleTest program; every case in it is a ctest test of its own. Each case runs in its own process.
function(recsae_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${RECSAE_WARNINGS})
  target_link_options(${name} PRIVATE ${RECSAE_LINK_OPTIONS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${RECSAE_SANITIZER_SUPPORT}
    GTest::gmock GTest::gtest GTest::gtest_main)
  # As gRPC asks for it, with whose headers the precompiled one is made.
  target_compile_options(${name} PRIVATE -pthread)
  recsae_use_precompiled(test ${name})
  # Of its own for each build tree: two of them may run on one machine.
  set(scratch ${CMAKE_BINARY_DIR}/tests/scratch)
  file(MAKE_DIRECTORY ${scratch})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT TEST_TMPDIR=${scratch} LABELS "${ARG_LABELS}")
endfunction()

if(RECSAE_TESTS)
  include(GoogleTest)
endif()

# What ThreadSanitizer has to be told of packages that are not instrumented; in every program.
set(RECSAE_SANITIZER_SUPPORT)
if(RECSAE_SANITIZE MATCHES thread)
  set(RECSAE_SANITIZER_SUPPORT recsae_tsan)
  add_library(recsae_tsan OBJECT
    ${PROJECT_SOURCE_DIR}/tests/support/tsan_absl.cc ${PROJECT_SOURCE_DIR}/tests/support/tsan_grpc.cc)
  target_include_directories(recsae_tsan PRIVATE ${PROJECT_SOURCE_DIR})
  # Its own accesses are no business of the program's.
  target_compile_options(recsae_tsan PRIVATE ${RECSAE_WARNINGS} -fno-sanitize=thread)
  target_link_libraries(recsae_tsan PUBLIC gRPC::grpc++ absl::synchronization absl::time ${CMAKE_DL_LIBS})
endif()
