# pome_room(NAME [LINK targets...] [PRIVATE targets...])
#
# One folder under src/ is one static library `pome_<NAME>` of all its .cpp files. LINK is the
# room's permission to include: what is not listed there cannot be used. A room of headers alone is
# an interface library.
function(pome_room name)
  cmake_parse_arguments(ROOM "" "" "LINK;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  if(NOT sources)
    add_library(pome_${name} INTERFACE)
    target_link_libraries(pome_${name} INTERFACE pome_settings ${ROOM_LINK} ${ROOM_PRIVATE})
    return()
  endif()
  add_library(pome_${name} STATIC ${sources})
  target_link_libraries(pome_${name} PUBLIC pome_settings ${ROOM_LINK} PRIVATE ${ROOM_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY POME_ROOMS pome_${name})
endfunction()

# pome_test(NAME [LINK targets...]): one test program of all .cpp files in the current folder.
# Its tests carry the label NAME (`ctest -L NAME` runs them alone) and load without the cache.
function(pome_test name)
  cmake_parse_arguments(TEST "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE pome_settings pome_test_support ${TEST_LINK}
    GTest::gmock GTest::gtest_main)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT 300 LABELS ${name} ENVIRONMENT POME_CACHE=off)
endfunction()
