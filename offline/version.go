package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"coldsign/shared/fault"
)

// moduleJSON is a module that is compiled in.
type moduleJSON struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"` // as in go.sum
}

// version tells what this program is, so that it can be compared with what others
// built: a changed program may lie here, so compare with sha256sum too.
func (a *app) version() error {
	sum, err := ownSum()
	if err != nil {
		return err
	}
	v, toolchain := "devel", ""
	settings, modules := map[string]string{}, []moduleJSON{}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			v = info.Main.Version
		}
		toolchain = info.GoVersion
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		for _, m := range info.Deps {
			modules = append(modules, moduleJSON{m.Path, m.Version, m.Sum})
		}
	}
	var chains, nets []string
	for _, c := range a.chain.All() {
		chains = append(chains, c.Name)
		for _, n := range c.Networks {
			nets = append(nets, c.Name+" "+n.Name+" "+string(n.ID))
		}
	}
	return a.print(map[string]any{
		"version": v, "sha256": sum, "go": toolchain, "settings": settings, "modules": modules, "chains": chains, "networks": nets,
	}, func(w io.Writer) error {
		fmt.Fprintf(w, "coldsign-offline %s\nsha256  %s\nbuilt   %s %s/%s\n", v, sum, toolchain, settings["GOOS"], settings["GOARCH"])
		for _, m := range modules {
			fmt.Fprintf(w, "module  %s %s\n", m.Path, m.Version)
		}
		_, err := fmt.Fprintln(w, strings.Join(nets, "\n"))
		return err
	})
}

// ownSum is SHA-256 of this program's file, in hex.
func ownSum() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", fault.New("version.file", "mount /proc", "cannot read this program's own file")
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fault.New("version.file", "", "cannot read this program's own file")
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
