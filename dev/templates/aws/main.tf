# A workspace that is a virtual machine of AWS. Its disk stays while it is stopped.

terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = "~> 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

data "coder_parameter" "region" {
  name         = "region"
  display_name = "Region"
  default      = "eu-central-1"
  order        = 1
  option {
    name  = "Frankfurt"
    value = "eu-central-1"
    icon  = "/emojis/1f1e9-1f1ea.png"
  }
  option {
    name  = "Oregon"
    value = "us-west-2"
    icon  = "/emojis/1f1fa-1f1f8.png"
  }
}

data "coder_parameter" "instance_type" {
  name         = "instance_type"
  display_name = "Machine"
  default      = "t3.medium"
  mutable      = true
  order        = 2
  option {
    name  = "2 CPUs, 4 GiB"
    value = "t3.medium"
  }
  option {
    name  = "4 CPUs, 16 GiB"
    value = "t3.xlarge"
  }
}

# Credentials come from the provisioner's environment.
provider "aws" {
  region = data.coder_parameter.region.value
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}

locals {
  # Runs at each boot, not only at the first: every start has a token of its own.
  user_data = <<-EOT
    Content-Type: multipart/mixed; boundary="//"
    MIME-Version: 1.0

    --//
    Content-Type: text/cloud-config; charset="us-ascii"

    #cloud-config
    cloud_final_modules:
      - [scripts-user, always]

    --//
    Content-Type: text/x-shellscript; charset="us-ascii"

    #!/bin/bash
    echo '${base64encode(coder_agent.main.init_script)}' | base64 -d > /opt/dormouse-agent.sh
    sudo -u ubuntu env CODER_AGENT_TOKEN='${coder_agent.main.token}' sh /opt/dormouse-agent.sh
    --//--
  EOT
}

resource "aws_instance" "workspace" {
  ami           = data.aws_ssm_parameter.image.value
  instance_type = data.coder_parameter.instance_type.value
  subnet_id     = data.aws_subnets.default.ids[0]
  user_data     = local.user_data
  root_block_device {
    volume_size = 30
    volume_type = "gp3"
  }
  tags = {
    Name = "dormouse-${data.coder_workspace_owner.me.name}-${data.coder_workspace.me.name}"
  }
  lifecycle {
    # A newer image or another subnet does not replace the machine of a person.
    ignore_changes = [ami, subnet_id]
  }
}

# The machine itself outlives a stop: only its state changes.
resource "aws_ec2_instance_state" "workspace" {
  instance_id = aws_instance.workspace.id
  state       = data.coder_workspace.me.transition == "start" ? "running" : "stopped"
}

resource "coder_metadata" "workspace" {
  resource_id = aws_instance.workspace.id
  daily_cost  = 2
  item {
    key   = "region"
    value = data.coder_parameter.region.value
  }
  # A start or a stop that would destroy the machine with its disk is refused.
  item {
    key   = "persistent"
    value = "true"
  }
}
