# cmake --install: the programs, the .proto files, the libraries that know nothing of servers with
# their headers, and a package for find_package(recsae), with targets recsae::sae and its like.

include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/recsae)
set(libraries base files math ranking sae version)

install(TARGETS recsae recsae-concept-store recsae-explainer recsae-probe recsae-standalone
  recsae-trainer)
if(RECSAE_TORCH)
  install(TARGETS recsae-torch-host)
endif()
install(DIRECTORY protos/ DESTINATION ${CMAKE_INSTALL_DATADIR}/recsae/protos
  FILES_MATCHING PATTERN "*.proto")

foreach(library IN LISTS libraries)
  install(TARGETS recsae_${library} EXPORT recsae)
endforeach()
install(DIRECTORY common/base common/files common/math common/ranking common/sae
  DESTINATION ${RECSAE_INSTALL_HEADERS}/common FILES_MATCHING PATTERN "*.h")

install(EXPORT recsae NAMESPACE recsae:: FILE recsae-targets.cmake DESTINATION ${package})
configure_package_config_file(cmake/recsae-config.cmake.in
  ${PROJECT_BINARY_DIR}/recsae-config.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/recsae-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/recsae-config.cmake
  ${PROJECT_BINARY_DIR}/recsae-config-version.cmake DESTINATION ${package})
