terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {
  type = string
}

# What the change in place changes.
variable "ssh_from" {
  type    = list(string)
  default = ["203.0.113.0/24"]
}

variable "app_port" {
  type    = number
  default = 8080
}

variable "third_office" {
  type    = string
  default = "198.51.100.0/24"
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    ec2 = var.endpoint
    sts = var.endpoint
  }
}

data "aws_caller_identity" "me" {}

resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "main" }
}

resource "aws_subnet" "a" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.20.1.0/24"
  availability_zone = "us-east-1a"
  tags              = { Name = "a" }
}

resource "aws_subnet" "b" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.20.2.0/24"
}

resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = 3
  entry {
    cidr        = "203.0.113.0/24"
    description = "Berlin"
  }
  entry {
    cidr        = var.third_office
    description = "Oslo"
  }
}

resource "aws_ec2_managed_prefix_list" "partners" {
  name           = "partners"
  address_family = "IPv4"
  max_entries    = 2
}

resource "aws_ec2_managed_prefix_list_entry" "partner" {
  prefix_list_id = aws_ec2_managed_prefix_list.partners.id
  cidr           = "192.0.2.0/24"
  description    = "A partner"
}

# Rules inline.
resource "aws_security_group" "web" {
  name        = "web"
  description = "Web tier"
  vpc_id      = aws_vpc.main.id
  ingress {
    description = "SSH"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = var.ssh_from
  }
  ingress {
    protocol         = "tcp"
    from_port        = 443
    to_port          = 443
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  ingress {
    protocol        = "tcp"
    from_port       = 8443
    to_port         = 8443
    prefix_list_ids = [aws_ec2_managed_prefix_list.offices.id]
  }
  ingress {
    protocol  = "icmp"
    from_port = 8
    to_port   = 0
    self      = true
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
  tags = { Name = "web", Tier = "web" }
}

# Rules as resources, with references to other groups.
resource "aws_security_group" "app" {
  name   = "app"
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "app_from_web" {
  security_group_id            = aws_security_group.app.id
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = var.app_port
  to_port                      = var.app_port
  description                  = "From the web tier"
  tags                         = { Name = "app-from-web" }
}

resource "aws_vpc_security_group_ingress_rule" "app_from_partners" {
  security_group_id = aws_security_group.app.id
  prefix_list_id    = aws_ec2_managed_prefix_list.partners.id
  ip_protocol       = "udp"
  from_port         = 500
  to_port           = 500
}

resource "aws_vpc_security_group_egress_rule" "app_to_all" {
  security_group_id = aws_security_group.app.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# Rules as the older resource.
resource "aws_security_group" "db" {
  name        = "db"
  description = "Database"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group_rule" "db_from_app" {
  security_group_id        = aws_security_group.db.id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 3306
  to_port                  = 3306
  source_security_group_id = aws_security_group.app.id
}

resource "aws_security_group_rule" "db_from_nets" {
  security_group_id = aws_security_group.db.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_blocks       = ["10.20.1.0/24", "10.20.2.0/24"]
  description       = "Migration"
}

resource "aws_default_security_group" "default" {
  vpc_id = aws_vpc.main.id
  ingress {
    protocol  = "-1"
    from_port = 0
    to_port   = 0
    self      = true
  }
}

resource "aws_network_acl" "inline" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.a.id]
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 22
    to_port    = 22
    cidr_block = "203.0.113.0/24"
  }
  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }
  tags = { Name = "inline" }
}

resource "aws_network_acl" "rules" {
  vpc_id = aws_vpc.main.id
}

resource "aws_network_acl_rule" "http" {
  network_acl_id = aws_network_acl.rules.id
  rule_number    = 200
  egress         = false
  protocol       = "tcp"
  rule_action    = "deny"
  cidr_block     = "192.0.2.0/24"
  from_port      = 80
  to_port        = 80
}

resource "aws_network_acl_association" "b" {
  network_acl_id = aws_network_acl.rules.id
  subnet_id      = aws_subnet.b.id
}

resource "aws_network_interface" "web" {
  subnet_id         = aws_subnet.a.id
  private_ips       = ["10.20.1.10"]
  security_groups   = [aws_security_group.web.id]
  source_dest_check = false
  description       = "Web"
  tags              = { Name = "web" }
}

resource "aws_network_interface" "app" {
  subnet_id = aws_subnet.b.id
}

resource "aws_network_interface_sg_attachment" "app" {
  network_interface_id = aws_network_interface.app.id
  security_group_id    = aws_security_group.app.id
}

resource "aws_flow_log" "vpc" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "REJECT"
  log_destination_type     = "s3"
  log_destination          = "arn:aws:s3:::flow-logs"
  max_aggregation_interval = 60
}

data "aws_security_groups" "of_vpc" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.main.id]
  }
  depends_on = [aws_security_group.web, aws_security_group.app, aws_security_group.db]
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "groups" {
  value = length(data.aws_security_groups.of_vpc.ids)
}

output "web" {
  value = aws_security_group.web.id
}

