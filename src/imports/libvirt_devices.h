// The <devices> of libvirt's domain. Only for imports/.
#pragma once

#include "imports/importing.h"
#include "imports/xml_tree.h"

namespace cleave {

void read_libvirt_devices(const XmlElement& devices, Draft& draft);

}  // namespace cleave
