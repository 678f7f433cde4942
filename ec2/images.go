package ec2

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sgate/sgate/ec2/query"
)

type describeImagesRequest struct {
	filtered
	paged
	IDs    []string      `query:"ImageId"`
	Owners []string      `query:"Owner"`
	_      query.Ignored `query:"ExecutableBy"`
	_      query.Ignored `query:"IncludeDeprecated"`
	_      query.Ignored `query:"IncludeDisabled"`
}

type describeImagesAnswer struct {
	Images []imageItem `xml:"imagesSet"`
	nextPage
}

// imageItem is an image as DescribeImages tells it.
type imageItem struct {
	ID                 string          `xml:"imageId"`
	Location           string          `xml:"imageLocation"`
	State              string          `xml:"imageState"`
	CreationDate       string          `xml:"creationDate"`
	OwnerID            string          `xml:"imageOwnerId"`
	Public             bool            `xml:"isPublic"`
	Architecture       string          `xml:"architecture"`
	Type               string          `xml:"imageType"`
	Name               string          `xml:"name"`
	RootDeviceType     string          `xml:"rootDeviceType"`
	RootDeviceName     string          `xml:"rootDeviceName"`
	BlockDevices       []deviceMapping `xml:"blockDeviceMapping"`
	VirtualizationType string          `xml:"virtualizationType"`
	Hypervisor         string          `xml:"hypervisor"`
	PlatformDetails    string          `xml:"platformDetails"`
	ENASupport         bool            `xml:"enaSupport"`
	Tags               []tag           `xml:"tagSet"`
}

// describeImages tells what instances can run here.
func (c *call) describeImages(in *describeImagesRequest) (*describeImagesAnswer, error) {
	var all []imageItem
	for _, im := range c.options.Images() {
		all = append(all, c.imageItem(im))
	}
	for _, id := range in.IDs {
		if !strings.HasPrefix(id, "ami-") {
			return nil, malformedID("InvalidAMIID.Malformed", "ami", id)
		}
	}
	all, err := named(all, in.IDs, idOfImage, noImage)
	if err != nil {
		return nil, err
	}
	ours := func(owner string) bool { return owner == "self" || owner == c.owner() }
	if in.Owners != nil && !slices.ContainsFunc(in.Owners, ours) {
		all = nil
	}
	if all, err = selected(c, all, in.Filters, imageFilters, idOfImage); err != nil {
		return nil, err
	}
	all, next, err := page(all, in.paged, ordinaryPages, idOfImage)
	return &describeImagesAnswer{all, next}, err
}

func idOfImage(im *imageItem) string { return im.ID }

// imageItem tells an image. Scripts look for the latest by its date of creation:
// here it is when the gateway began to serve.
func (c *call) imageItem(im Image) imageItem {
	return imageItem{
		ID: im.ID, Location: c.owner() + "/" + im.Name, State: available, CreationDate: timeText(c.started),
		OwnerID: c.owner(), Architecture: architecture(),
		Type: "machine", Name: im.Name, RootDeviceType: rootDeviceType, RootDeviceName: rootDeviceName,
		VirtualizationType: virtualizationType, Hypervisor: hypervisor, PlatformDetails: platformDetails, ENASupport: true,
		Tags: c.tagsOf(im.ID),
	}
}

// imageFilters are those of DescribeImages.
var imageFilters = filters[imageItem]{
	"architecture":        ofImage(func(im *imageItem) string { return im.Architecture }),
	"creation-date":       ofImage(func(im *imageItem) string { return im.CreationDate }),
	"ena-support":         ofImage(func(im *imageItem) string { return strconv.FormatBool(im.ENASupport) }),
	"hypervisor":          ofImage(func(im *imageItem) string { return im.Hypervisor }),
	"image-id":            ofImage(func(im *imageItem) string { return im.ID }),
	"image-type":          ofImage(func(im *imageItem) string { return im.Type }),
	"is-public":           ofImage(func(im *imageItem) string { return strconv.FormatBool(im.Public) }),
	"manifest-location":   ofImage(func(im *imageItem) string { return im.Location }),
	"name":                ofImage(func(im *imageItem) string { return im.Name }),
	"owner-id":            ofImage(func(im *imageItem) string { return im.OwnerID }),
	"root-device-name":    ofImage(func(im *imageItem) string { return im.RootDeviceName }),
	"root-device-type":    ofImage(func(im *imageItem) string { return im.RootDeviceType }),
	"state":               ofImage(func(im *imageItem) string { return im.State }),
	"virtualization-type": ofImage(func(im *imageItem) string { return im.VirtualizationType }),
}.without(`block-device-mapping.delete-on-termination block-device-mapping.device-name block-device-mapping.encrypted
	block-device-mapping.snapshot-id block-device-mapping.volume-size block-device-mapping.volume-type description free-tier-eligible
	image-allowed kernel-id owner-alias platform product-code product-code.type ramdisk-id source-image-id source-image-region
	source-instance-id sriov-net-support state-reason-code state-reason-message`)

func ofImage(of func(*imageItem) string) func(*call, *imageItem) []string {
	return func(_ *call, im *imageItem) []string { return []string{of(im)} }
}
