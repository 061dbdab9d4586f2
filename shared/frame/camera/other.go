//go:build !linux

package camera

import "coldsign/shared/fault"

func openDevice(path string) (device, error) {
	return nil, fault.New("camera.system", "record a video and give its name, or pipe one in",
		"cameras such as %q are read on Linux only", path)
}
