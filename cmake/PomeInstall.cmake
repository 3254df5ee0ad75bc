# The shared library libpome.so, its CMake package, its pkg-config file and the command line program.
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY POME_ROOMS)
set(objects)
foreach(room IN LISTS rooms)
  list(APPEND objects "$<TARGET_OBJECTS:${room}>")
endforeach()

# The objects themselves, not the archives: an archive would bring only what something refers to.
# The rooms are linked all the same, for the libraries that they need.
add_library(pome_shared SHARED ${objects})
target_link_libraries(pome_shared PRIVATE ${rooms})
target_include_directories(pome_shared INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_compile_features(pome_shared INTERFACE cxx_std_20)
set(version_script "${CMAKE_CURRENT_SOURCE_DIR}/cmake/libpome.map")
target_link_options(pome_shared PRIVATE "LINKER:--version-script=${version_script}"
  LINKER:--no-undefined LINKER:--as-needed)
set_target_properties(pome_shared PROPERTIES
  OUTPUT_NAME pome
  EXPORT_NAME pome
  LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS "${version_script}")

install(TARGETS pome_shared EXPORT pomeTargets)
install(DIRECTORY include/pome DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(TARGET pome)
  install(TARGETS pome RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/pome")
install(EXPORT pomeTargets NAMESPACE pome:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/pomeConfig.cmake.in "${CMAKE_BINARY_DIR}/pomeConfig.cmake"
  INSTALL_DESTINATION "${package_folder}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${CMAKE_BINARY_DIR}/pomeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/pomeConfig.cmake" "${CMAKE_BINARY_DIR}/pomeConfigVersion.cmake"
  DESTINATION "${package_folder}")

# The prefix is told relative to the file, so that an installed tree may be moved.
set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_to_prefix "/${pc_folder}" "/")
configure_file(cmake/pome.pc.in "${CMAKE_BINARY_DIR}/pome.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/pome.pc" DESTINATION "${pc_folder}")
