# Fits a wish for the same major and minor version, as what CMake installs (SameMinorVersion).
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../__init__.py" line REGEX "^__version__ = ")
string(REGEX MATCH "[0-9.]*[0-9]" PACKAGE_VERSION "${line}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" minor "${PACKAGE_VERSION}")
if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION
    AND "${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}" STREQUAL minor)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
unset(line)
unset(minor)
