// Package awssdk holds a gateway's EC2 endpoint to the AWS SDK for Go: a module of
// its own, so that sgate does not depend on the SDK. e2e.TestSDK runs it, with the
// endpoint and its credentials in the environment:
//
//	ENDPOINT               the URL of an endpoint that verifies signatures
//	AWS_ACCESS_KEY_ID ...  a key that it knows
package awssdk

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// settings are the SDK's, for the endpoint of the environment.
func settings(t *testing.T, more ...func(*config.LoadOptions) error) aws.Config {
	t.Helper()
	url := os.Getenv("ENDPOINT")
	if url == "" {
		t.Skip("ENDPOINT names no endpoint: e2e.TestSDK runs this test")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), append(more, config.WithBaseEndpoint(url), config.WithRetryMaxAttempts(1))...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// codeOf returns AWS's code of an error.
func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err == nil {
		return "an answer"
	}
	return err.Error()
}

func defaultVPC(t *testing.T, client *ec2.Client) string {
	t.Helper()
	out, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}})
	if err != nil || len(out.Vpcs) != 1 {
		t.Fatalf("%v, %+v", err, out)
	}
	return *out.Vpcs[0].VpcId
}

// newGroup makes a group that goes away with the test.
func newGroup(t *testing.T, client *ec2.Client, vpc, name string) string {
	t.Helper()
	out, err := client.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String("A group"), VpcId: &vpc,
		TagSpecifications: []types.TagSpecification{{
			ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(aws.ToString(out.SecurityGroupArn), ":security-group/"+*out.GroupId) {
		t.Errorf("the group's ARN is %q", aws.ToString(out.SecurityGroupArn))
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: out.GroupId}); err != nil {
			t.Error(err)
		}
	})
	return *out.GroupId
}

func TestIdentity(t *testing.T) {
	out, err := sts.NewFromConfig(settings(t)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *out.Account != "123456789012" || !strings.HasPrefix(*out.Arn, "arn:aws:iam::123456789012:") {
		t.Errorf("%v, %+v", err, out)
	}
}

func TestGroupsAndRules(t *testing.T) {
	client := ec2.NewFromConfig(settings(t))
	vpc := defaultVPC(t, client)
	web, source := newGroup(t, client, vpc, "sdk-web"), newGroup(t, client, vpc, "sdk-source")
	if err := ec2.NewSecurityGroupExistsWaiter(client).Wait(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{web}}, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	made, err := client.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &web,
		IpPermissions: []types.IpPermission{
			{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []types.IpRange{{CidrIp: aws.String("203.0.113.0/24"), Description: aws.String("Office")}}},
			{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &source}}},
		},
	})
	if err != nil || !*made.Return || len(made.SecurityGroupRules) != 2 {
		t.Fatalf("%v, %+v", err, made)
	}
	if pair := made.SecurityGroupRules[1].ReferencedGroupInfo; pair == nil || *pair.GroupId != source || *pair.UserId != "123456789012" {
		t.Errorf("the rule with a group: %+v", pair)
	}
	_, err = client.ModifySecurityGroupRules(t.Context(), &ec2.ModifySecurityGroupRulesInput{GroupId: &web, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
		SecurityGroupRuleId: made.SecurityGroupRules[0].SecurityGroupRuleId,
		SecurityGroupRule:   &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(2222), ToPort: aws.Int32(2222), CidrIpv4: aws.String("203.0.113.0/24")},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var ports []int32
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(client, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{web}}}, MaxResults: aws.Int32(5),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.SecurityGroupRules {
			if !*r.IsEgress {
				ports = append(ports, *r.FromPort)
			}
		}
	}
	slices.Sort(ports)
	if !slices.Equal(ports, []int32{80, 2222}) {
		t.Errorf("ports of the rules: %v", ports)
	}
	if _, err := client.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &source}); codeOf(err) != "DependencyViolation" {
		t.Errorf("deleting a group that a rule names: %s", codeOf(err))
	}
	_, err = client.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{
		GroupId: &web, SecurityGroupRuleIds: []string{*made.SecurityGroupRules[0].SecurityGroupRuleId, *made.SecurityGroupRules[1].SecurityGroupRuleId},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPagesOfGroups(t *testing.T) {
	client := ec2.NewFromConfig(settings(t))
	vpc := defaultVPC(t, client)
	var made []string
	for i := range 12 {
		made = append(made, newGroup(t, client, vpc, "sdk-page-"+string(rune('a'+i))))
	}
	var got []string
	pages := ec2.NewDescribeSecurityGroupsPaginator(client, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{{Name: aws.String("tag:Name"), Values: []string{"sdk-page-*"}}}, MaxResults: aws.Int32(5),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.SecurityGroups {
			got = append(got, *g.GroupId)
		}
	}
	slices.Sort(got)
	slices.Sort(made)
	if !slices.Equal(got, made) {
		t.Errorf("the pages have %v, want %v", got, made)
	}
}

func TestTypedErrors(t *testing.T) {
	client := ec2.NewFromConfig(settings(t))
	_, err := client.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-00000000"}})
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "InvalidGroup.NotFound" || e.ErrorMessage() != "The security group 'sg-00000000' does not exist" {
		t.Errorf("%v", err)
	}
	if _, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{DryRun: aws.Bool(true)}); codeOf(err) != "DryRunOperation" {
		t.Errorf("a dry run: %v", err)
	}
	if _, err := client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{}); codeOf(err) != "InvalidAction" {
		t.Errorf("volumes: %v", err)
	}
}

// TestSignatures signs as it should not be, or not at all.
func TestSignatures(t *testing.T) {
	secret := os.Getenv("AWS_SECRET_ACCESS_KEY")
	key := os.Getenv("AWS_ACCESS_KEY_ID")
	with := func(id, secret string) func(*config.LoadOptions) error {
		return config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, ""))
	}
	describe := func(cfg aws.Config, options ...func(*ec2.Options)) string {
		_, err := ec2.NewFromConfig(cfg, options...).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		return codeOf(err)
	}
	shifted := func(by time.Duration) func(*ec2.Options) {
		return func(o *ec2.Options) { o.HTTPSignerV4 = skewed{v4.NewSigner(), by} }
	}
	for _, c := range []struct{ name, got, want string }{
		{"as it should be", describe(settings(t)), "an answer"},
		{"a wrong secret", describe(settings(t, with(key, "not"+secret))), "AuthFailure"},
		{"an unknown key", describe(settings(t, with("AKIAUNKNOWNUNKNOWN00", secret))), "AuthFailure"},
		{"no signature", describe(settings(t, config.WithCredentialsProvider(aws.AnonymousCredentials{}))), "MissingAuthenticationToken"},
		{"a clock that is an hour slow", describe(settings(t), shifted(-time.Hour)), "RequestExpired"},
		{"a clock that is an hour fast", describe(settings(t), shifted(time.Hour)), "RequestExpired"},
		{"another Region", describe(settings(t, config.WithRegion("eu-west-1"))), "AuthFailure"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}
