package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// bill writes the bill of materials of a binary beside it, from what the binary
// itself says was compiled in. It holds no time and no serial number: the same
// binary has the same bill.
func bill(file string) error {
	b, err := document(file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(b, cyclonedx.SpecVersion1_6); err != nil {
		return err
	}
	return os.WriteFile(file+".cdx.json", text.Bytes(), 0o644)
}

func document(file string) (*cyclonedx.BOM, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	root := cyclonedx.Component{
		BOMRef: "binary", Type: cyclonedx.ComponentTypeApplication, Name: filepath.Base(file),
		Hashes:   &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(raw))}},
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
	}
	var settings []cyclonedx.Property
	for _, s := range info.Settings {
		settings = append(settings, cyclonedx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	root.Properties = &settings
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), "-")
	parts := []cyclonedx.Component{{
		BOMRef: "pkg:golang/std@" + version, Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: version, PackageURL: "pkg:golang/std@" + version,
	}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
		url := "pkg:golang/" + m.Path + "@" + m.Version
		parts = append(parts, cyclonedx.Component{
			BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url,
			Properties: &[]cyclonedx.Property{{Name: "go:sum", Value: m.Sum}},
		})
	}
	needs := make([]string, len(parts))
	for i, p := range parts {
		needs[i] = p.BOMRef
	}
	b := cyclonedx.NewBOM()
	b.Metadata = &cyclonedx.Metadata{Component: &root}
	b.Components, b.Dependencies = &parts, &[]cyclonedx.Dependency{{Ref: "binary", Dependencies: &needs}}
	return b, nil
}
