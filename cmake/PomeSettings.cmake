# Compiler settings that every target shares, carried by the interface target pome_settings.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(pome_settings INTERFACE)
# Contraction is written out where it is wanted, so that results do not depend on the compiler.
target_compile_options(pome_settings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
  -ffp-contract=off -fno-math-errno)
if(POME_WERROR)
  target_compile_options(pome_settings INTERFACE -Werror)
endif()
target_include_directories(pome_settings INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>"
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>")

if(POME_SANITIZE STREQUAL "address")
  set(_sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
elseif(POME_SANITIZE STREQUAL "thread")
  set(_sanitize -fsanitize=thread -fno-omit-frame-pointer -g1)
elseif(POME_SANITIZE)
  message(FATAL_ERROR "POME_SANITIZE is '${POME_SANITIZE}', expected address, thread or empty")
endif()
if(_sanitize)
  target_compile_options(pome_settings INTERFACE ${_sanitize})
  target_link_options(pome_settings INTERFACE ${_sanitize})
endif()
