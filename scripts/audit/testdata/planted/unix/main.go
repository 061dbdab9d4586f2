// Unix opens a socket by golang.org/x/sys.
package main

import "golang.org/x/sys/unix"

func main() {
	_, _ = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
}
